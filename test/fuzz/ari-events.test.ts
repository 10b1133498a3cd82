import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../src/engines/asterisk/ari.ts";
import {
  type AriEvent,
  fieldOf,
  isId,
  parseChannels,
  parseEvent,
  parseRestResponse,
  systemVersion,
  WANTED_EVENTS,
} from "../../src/engines/asterisk/ari-events.ts";
import { fuzz, jsonWith } from "./fuzz.ts";

const WORDS = [
  ...["type", "channel", "id", "digit", "cause", "duration_ms", "userevent", "eventname", "media", "call", "attempt"],
  ...["kind", "SidetoneMedia", "SidetoneRecorded", "websocket", "1795360000.2", "request_id", "status_code"],
  ...["message_body", "reason_phrase", "name", "caller", "dialplan", "app_data", "system", "version", "1", "#"],
  ...WANTED_EVENTS,
];
const json = jsonWith(WORDS);

/** An event as Asterisk sends it, one part of which is something else. */
const nearly = fc
  .tuple(
    fc.constantFrom(
      {
        type: "ChannelUserevent",
        eventname: "SidetoneMedia",
        userevent: { media: "m-1", call: "1.2", attempt: "1", kind: "websocket" },
        channel: { id: "1.3" },
      },
      { type: "ChannelUserevent", eventname: "SidetoneRecorded", userevent: { call: "1.2" }, channel: { id: "1.3" } },
      { type: "ChannelDtmfReceived", digit: "5", duration_ms: 100, channel: { id: "1.2" } },
      { type: "ChannelDestroyed", cause: 16, channel: { id: "1.2" } },
      { type: "ChannelHold", channel: { id: "1.2" } },
    ),
    fc.nat(),
    json,
  )
  .map(([event, place, other]) => {
    const keys = Object.keys(event);
    return { ...event, [keys[place % keys.length] ?? "type"]: other };
  });

/** Whatever goes on into URLs, maps and logs is an id, a key, or a short text. */
function expectSane(event: AriEvent): void {
  for (const [key, value] of Object.entries(event)) {
    if (typeof value === "number") expect(Number.isNaN(value), key).toBe(false);
    if (typeof value === "string") expect(value.length, key).toBeLessThanOrEqual(256);
  }
  if (event.type === "lent")
    expect([isId(event.media), isId(event.call), event.attempt >= 1]).toEqual([true, true, true]);
  else if (event.type === "override") expect(event.state).toMatch(/^(open|closed|off)$/);
  else if (event.type === "recorded" || event.type === "transfer") expect(isId(event.call)).toBe(true);
  else expect(isId(event.channel)).toBe(true);
  if (event.type === "digit") expect(event.digit).toMatch(/^[0-9*#A-D]$/);
}

test("no event, whatever is in it, is more than its kind may be", async () => {
  await fuzz(fc.oneof(json, nearly), { name: "ari-event", runs: 3000 }, (message) => {
    const event = parseEvent(message);
    if (typeof event !== "string") expectSane(event);
  });
});

test("no answer, whatever is in it, breaks whoever asked", async () => {
  await fuzz(json, { name: "ari-answer", runs: 2000 }, (message) => {
    const answer = parseRestResponse(message);
    if (answer) expect([typeof answer.body, Number.isFinite(answer.status)]).toEqual(["string", true]);
    for (const { id, appData } of parseChannels(message))
      expect([isId(id), appData.length <= 2048]).toEqual([true, true]);
    expect(fieldOf(message, "value").length).toBeLessThanOrEqual(4096);
    expect(typeof systemVersion(message)).toBe("string");
  });
});

test("no text is more than JSON or nothing", async () => {
  await fuzz(
    fc.tuple(json, fc.nat(400), fc.string({ maxLength: 5 })).map(([value, at, slip]) => {
      const text = JSON.stringify(value) ?? "";
      return text.slice(0, at) + slip + text.slice(at);
    }),
    { name: "ari-text", runs: 1000 },
    (text) => {
      parseEvent(parseJson(text));
    },
  );
});
