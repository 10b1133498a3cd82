import type { ReplyMoments, VoicedReply } from "./reply.ts";
import type { Turn, TurnLatency, Utterance } from "./turn.ts";

/** Why the agent speaks: an answer to words, keys or a tool's result; or one of its own sentences. */
export type ReplyKind = (typeof REPLY_KINDS)[number];
export const REPLY_KINDS = ["answer", "greeting", "prompt", "apology"] as const;

/** When the question was over, by the clock's `now`. */
export interface Asked {
  /** The end of the caller's last voiced frame; undefined where nobody had spoken. */
  readonly voicedAt: number | undefined;
  /** When the pause was long enough. */
  readonly decidedAt: number;
  /** When the reply was asked for: the final words had come, or were waited for long enough. */
  readonly askedAt: number;
}

/** A question and the reply to it, until the reply is over. */
export interface Exchange {
  readonly kind: ReplyKind;
  caller: Utterance;
  readonly reply: VoicedReply;
  readonly asked: Asked;
  /** What was to be said, where that is no answer. */
  readonly text?: string;
  /** Utterances of the caller's whose words will be known later. */
  owedWords: number;
  /** Those that came since. */
  lateWords: string;
  /** When the agent's first frame was written. */
  startMs?: number;
  /** From the caller's first voiced frame to the agent's silence, the last time. */
  bargeInMs?: number;
  resumes: number;
}

/**
 * Where the time went. The stages follow each other and add up to the total: what was prepared before the pause had run out
 * costs nothing, and counts as nothing.
 */
export function latencyOf(
  { voicedAt, decidedAt, askedAt }: Asked,
  { textAt, frameAt, writtenAt }: ReplyMoments,
): TurnLatency {
  const text = textAt === undefined ? undefined : Math.max(askedAt, textAt);
  const frame = text === undefined || frameAt === undefined ? undefined : Math.max(text, frameAt);
  const total = voicedAt === undefined || writtenAt === undefined ? undefined : writtenAt - voicedAt;
  return {
    ...(voicedAt !== undefined && { endpointMs: round(decidedAt - voicedAt), sttMs: round(askedAt - decidedAt) }),
    ...(text !== undefined && { llmMs: round(text - askedAt) }),
    ...(text !== undefined && frame !== undefined && { ttsMs: round(frame - text) }),
    ...(frame !== undefined && writtenAt !== undefined && { playoutMs: round(Math.max(0, writtenAt - frame)) }),
    ...(total !== undefined && { totalMs: round(total) }),
  };
}

export interface Ended {
  readonly index: number;
  readonly heardMs: number;
  readonly heardText: string;
  readonly interrupted: boolean;
}

/** The exchange as it goes on record. */
export function turnOf(
  { caller, reply, asked, startMs, bargeInMs }: Exchange,
  { index, heardMs, heardText, interrupted }: Ended,
): Turn {
  return {
    index,
    caller,
    ...(startMs !== undefined && { agent: { text: reply.spoken.text, startMs, heardMs: round(heardMs), heardText } }),
    tools: reply.tools.map(({ name }) => name),
    latency: latencyOf(asked, reply.moments),
    interrupted,
    ...(interrupted && bargeInMs !== undefined && { bargeInMs: round(bargeInMs) }),
  };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;
