import type { Leg } from "../../src/call/engine.ts";

/** A leg as far as the list of live calls looks at it. */
export const legOf = (given: Partial<Leg> = {}): Leg => ({
  id: "1700000000.1",
  direction: "inbound",
  from: "+4930123456",
  fromName: "",
  to: "100",
  did: "+4930999",
  diversion: "",
  trunk: "trunk",
  language: "",
  agent: "",
  codec: "ulaw",
  attempt: 1,
  signal: new AbortController().signal,
  events: (async function* () {})(),
  openMedia: () => Promise.reject(new Error("no media here")),
  sendDtmf: async () => undefined,
  giveBack: async () => undefined,
  ...given,
});
