import { printable } from "../../base/text.ts";
import type { AriClient } from "./ari.ts";
import { parseChannel } from "./ari-events.ts";
import { type Caller, nobody } from "./leg.ts";

/** Reads who calls. Rejects with an AriError of status 404 when the channel is gone. */
export async function readCaller(ari: Pick<AriClient, "request" | "variable">, id: string): Promise<Caller> {
  const [found, codec, codecNow, dialled, trunk, agent, language, origin, recording, returned] = await Promise.all([
    ari.request("GET", `channels/${id}`),
    // As it was before the call was lent; while it is, the channel names what the bridge wants of it.
    ari.variable("SIDETONE_RATE", id),
    ari.variable("CHANNEL(audioreadformat)", id),
    ari.variable("CALLERID(dnid)", id),
    ari.variable("SIDETONE_TRUNK", id),
    ari.variable("SIDETONE_AGENT", id),
    ari.variable("SIDETONE_LANGUAGE", id),
    ari.variable("CHANNEL(linkedid)", id),
    ari.variable("SIDETONE_RECORDING", id),
    ari.variable("SIDETONE_RETURNED", id),
  ]);
  const channel = parseChannel(found);
  if (!channel) return nobody;
  return {
    from: printable(channel.callerNumber),
    fromName: printable(channel.callerName),
    to: printable(dialled || channel.exten),
    did: printable(channel.exten),
    diversion: printable(channel.diversion),
    trunk,
    agent,
    language: language || channel.language,
    codec: codec || codecNow,
    origin,
    recording,
    returned,
  };
}
