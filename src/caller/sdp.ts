import { OutsideError } from "../base/errors.ts";
import { CODECS, type Codec } from "./codec.ts";

export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** What one side says about its one audio stream: as much of SDP (RFC 8866) as a telephone needs. */
export interface AudioDescription {
  readonly address: string;
  readonly port: number;
  /** Codecs we know, most wanted first. */
  readonly codecs: readonly Codec[];
  /** The payload type of RFC 4733 events, if there is one. */
  readonly eventType: number | undefined;
  readonly direction: Direction;
}

export interface LocalDescription extends AudioDescription {
  readonly sessionId: number;
  readonly version: number;
}

const MAX_BYTES = 20_000;

export function writeSdp({
  address,
  port,
  codecs,
  eventType,
  direction,
  sessionId,
  version,
}: LocalDescription): string {
  const types = [...codecs.map(({ payloadType }) => payloadType), ...(eventType === undefined ? [] : [eventType])];
  const family = address.includes(":") ? "IP6" : "IP4";
  return [
    "v=0",
    `o=- ${sessionId} ${version} IN ${family} ${address}`,
    "s=call",
    `c=IN ${family} ${address}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP ${types.join(" ")}`,
    ...codecs.map(({ payloadType, rtpmap }) => `a=rtpmap:${payloadType} ${rtpmap}`),
    ...(eventType === undefined ? [] : [`a=rtpmap:${eventType} telephone-event/8000`, `a=fmtp:${eventType} 0-15`]),
    "a=ptime:20",
    `a=${direction}`,
    "",
  ].join("\r\n");
}

/** Reads the first audio stream. Throws an OutsideError when there is none, or none that this caller can talk on. */
export function readSdp(text: string): AudioDescription {
  if (text.length > MAX_BYTES) throw sdpError(`is ${text.length} bytes long; at most ${MAX_BYTES} are read`);
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith("m=audio "));
  if (start === -1) throw sdpError("has no audio stream");
  const next = lines.findIndex((line, index) => index > start && line.startsWith("m="));
  const session = lines.slice(
    0,
    lines.findIndex((line) => line.startsWith("m=")),
  );
  const media = lines.slice(start, next === -1 ? undefined : next);
  const [, port = "", profile = "", ...types] = (media[0] ?? "").split(/\s+/);
  if (!/^RTP\/S?AVPF?$/.test(profile)) throw sdpError(`offers its audio by ${profile}; only RTP/AVP is spoken here`);
  if (/SAVP/.test(profile)) throw sdpError("wants encrypted audio (SRTP), which this caller does not speak");
  const connection = [...media, ...session].find((line) => line.startsWith("c="));
  const address = connection?.split(/\s+/)[2]?.split("/")[0] ?? "";
  if (address === "") throw sdpError("names no address for its audio");
  const named = names(media);
  const codecs = types.flatMap((type) => CODECS.filter((codec) => isCodec(codec, type, named)));
  if (codecs.length === 0) throw sdpError(`offers none of our codecs (${CODECS.map(({ name }) => name).join(", ")})`);
  const eventType = types.find((type) => /^telephone-event\/8000/i.test(named.get(type) ?? ""));
  return {
    address,
    port: Number(port.split("/")[0]),
    codecs,
    eventType: eventType === undefined ? undefined : Number(eventType),
    direction: directionIn(media) ?? directionIn(session) ?? "sendrecv",
  };
}

/** What we say to what they say: an answer never claims more than the offer allows (RFC 3264, section 6.1). */
export function answerTo(offered: Direction, wanted: Direction): Direction {
  const send = sends(wanted) && receives(offered);
  const receive = receives(wanted) && sends(offered);
  if (send) return receive ? "sendrecv" : "sendonly";
  return receive ? "recvonly" : "inactive";
}

export const sends = (direction: Direction): boolean => direction === "sendrecv" || direction === "sendonly";
export const receives = (direction: Direction): boolean => direction === "sendrecv" || direction === "recvonly";

const sdpError = (what: string): OutsideError => new OutsideError("notAcceptable", `the far end's SDP ${what}`);

/** Static types may go without a name. */
const isCodec = (codec: Codec, type: string, named: ReadonlyMap<string, string>): boolean =>
  Number(type) === codec.payloadType && (named.get(type) ?? codec.rtpmap).toUpperCase().startsWith(codec.rtpmap);

const names = (media: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    media.flatMap((line): [string, string][] => {
      const [, type, name] = /^a=rtpmap:(\d+)\s+(\S+)/.exec(line) ?? [];
      return type === undefined || name === undefined ? [] : [[type, name]];
    }),
  );

const directionIn = (lines: readonly string[]): Direction | undefined =>
  DIRECTIONS.find((direction) => lines.includes(`a=${direction}`));

const DIRECTIONS: readonly Direction[] = ["sendrecv", "sendonly", "recvonly", "inactive"];
