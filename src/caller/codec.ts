import { alaw, type G711, ulaw } from "../audio/g711.ts";

export type CodecName = "ulaw" | "alaw";

export interface Codec {
  readonly name: CodecName;
  /** As SDP names it. */
  readonly rtpmap: string;
  /** The static payload type of RFC 3551. */
  readonly payloadType: number;
  readonly law: G711;
}

/** In the order in which they are offered when nobody asks for one. Both are 8,000 samples a second. */
export const CODECS: readonly Codec[] = [
  { name: "ulaw", rtpmap: "PCMU/8000", payloadType: 0, law: ulaw },
  { name: "alaw", rtpmap: "PCMA/8000", payloadType: 8, law: alaw },
];

export const CALL_RATE = 8000;
export const PACKET_MS = 20;
export const PACKET_SAMPLES = (CALL_RATE * PACKET_MS) / 1000;
