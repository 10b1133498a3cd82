import type { Log } from "../../base/log.ts";
import type { EslEvent } from "./esl/event.ts";
import { variableIn } from "./variables.ts";

const CAUSE = "INCOMPATIBLE_DESTINATION";
const MAX_CODECS = 32;
// RFC 3551, table 4: an offer need not name what these numbers mean.
const STATIC: Readonly<Record<string, string>> = {
  "0": "PCMU/8000",
  "3": "GSM/8000",
  "4": "G723/8000",
  "8": "PCMA/8000",
  "9": "G722/8000",
  "18": "G729/8000",
};

/** Makes FreeSWITCH tell of these events, and of the hang-ups of calls without a common codec alone: a busy PBX has many others. */
export const incomingFilters = (names: readonly string[]): string[] => [
  ...names.map((name) => `filter Event-Name ${name}`),
  `filter Hangup-Cause ${CAUSE}`,
];

/** A call that was answered 488, for want of a codec that both sides have, is explained: nothing else tells the administrator what was offered. */
export function explainRefusedOffer(event: EslEvent, log: Log): void {
  if (event.name !== "CHANNEL_HANGUP" || event.get("Hangup-Cause") !== CAUSE) return;
  if (event.get("Call-Direction") !== "inbound") return;
  const data = event.entries();
  const variable = (name: string): string => variableIn(data, name);
  const allowed = variable("absolute_codec_string") || variable("rtp_use_codec_string") || variable("codec_string");
  log.warn(
    {
      call: event.get("Unique-ID"),
      trunk: variable("sofia_profile_name"),
      offered: codecsOffered(variable("switch_r_sdp")),
      allowed: allowed.split(",").slice(0, MAX_CODECS),
    },
    "a call was refused with 488: it and this FreeSWITCH have no codec in common; add one to inbound-codec-prefs or sidetone_codecs, or to the trunk's",
  );
}

/** The codecs of an offer's audio, in its order, as "PCMU/8000". */
export function codecsOffered(sdp: string): string[] {
  const audio = /^m=audio \d+ \S+ ([\d ]+)/m.exec(sdp)?.[1] ?? "";
  const names = new Map([...sdp.matchAll(/^a=rtpmap:(\d+) ([\w.+-]+\/\d+)/gm)].map(([, id = "", name]) => [id, name]));
  const ids = audio.trim().split(/ +/).slice(0, MAX_CODECS);
  return ids.flatMap((id) => (id === "" ? [] : [names.get(id) ?? STATIC[id] ?? id]));
}
