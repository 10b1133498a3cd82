import type { CallEnd } from "./causes.ts";
import type { CallLeg } from "./leg.ts";
import type { HeardWords } from "./listening.ts";
import type { Said } from "./speech.ts";

/** All times in a result are ms since the INVITE. */
export interface StepResult {
  readonly index: number;
  readonly step: string;
  readonly ok: boolean;
  readonly startMs: number;
  readonly endMs: number;
  /** What happened, or why it did not; a sentence. */
  readonly detail: string;
  /** say, talkOver: the words' first and last audible packet. */
  readonly saidMs?: readonly [startMs: number, endMs: number];
  /** From the end of our words to the first packet of the agent's next sound; absent when none came before our next words. */
  readonly latencyMs?: number;
  /** talkOver: from our first audible packet to the end of the agent's last audible one before it fell silent. */
  readonly bargeInMs?: number;
  /** The longest time between two packets that came during the step; absent when fewer than two came. */
  readonly maxGapMs?: number;
}

export interface ScriptResult {
  readonly name: string;
  readonly ok: boolean;
  readonly answeredMs: number | undefined;
  readonly durationMs: number;
  readonly codec: string | undefined;
  readonly end: Pick<CallEnd, "by" | "cause" | "status" | "reason">;
  readonly steps: readonly StepResult[];
  readonly transcript: readonly { readonly text: string; readonly atMs: number }[];
  readonly packets: { readonly sent: number; readonly received: number };
}

/** A step as the runner leaves it: by the call's clock, and before anyone knows what the agent did next. */
export interface RawStep {
  readonly step: string;
  readonly ok: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly detail: string;
  readonly said?: Said;
}

export interface Outcome {
  readonly name: string;
  readonly leg: CallLeg;
  readonly steps: readonly RawStep[];
  readonly end: CallEnd;
  readonly words: readonly HeardWords[];
}

/** Looks back over the whole call: only then is it known what followed on what. */
export function resultOf({ name, leg, steps, end, words }: Outcome): ScriptResult {
  const { startMs: origin, answeredMs } = leg.times;
  const since = (ms: number): number => round(ms - origin);
  const finished = steps.map((step, index): StepResult => {
    const { said, ...rest } = step;
    const nextWordsMs = steps.slice(index + 1).find((later) => later.said?.firstSoundMs !== undefined)
      ?.said?.firstSoundMs;
    return {
      index: index + 1,
      ...rest,
      startMs: since(step.startMs),
      endMs: since(step.endMs),
      ...gapOf(leg, step),
      ...(said && spokenTimes(leg, { said, over: step.step === "talkOver", nextWordsMs, since })),
    };
  });
  const count = (direction: "sent" | "received"): number => [...leg.log.packets({ direction })].length;
  const { by, cause, status, reason } = end;
  return {
    name,
    ok: finished.every(({ ok }) => ok),
    answeredMs: answeredMs === undefined ? undefined : since(answeredMs),
    durationMs: since(end.atMs),
    codec: leg.codec,
    end: { by, cause, status, reason },
    steps: finished,
    transcript: words.filter(({ final }) => final).map(({ text, atMs }) => ({ text, atMs: since(atMs) })),
    packets: { sent: count("sent"), received: count("received") },
  };
}

interface SpokenContext {
  readonly said: Said;
  readonly over: boolean;
  readonly nextWordsMs: number | undefined;
  readonly since: (ms: number) => number;
}

function spokenTimes(
  leg: CallLeg,
  { said, over, nextWordsMs = Number.POSITIVE_INFINITY, since }: SpokenContext,
): Partial<StepResult> {
  const { firstSoundMs, lastSoundMs } = said;
  if (firstSoundMs === undefined || lastSoundMs === undefined) return {};
  const answer = leg.heard.spells.find(({ startMs }) => startMs >= lastSoundMs);
  const interrupted = leg.heard.spells.find(({ startMs, endMs }) => startMs < firstSoundMs && endMs > firstSoundMs);
  return {
    saidMs: [since(firstSoundMs), since(lastSoundMs)],
    ...(answer && answer.startMs < nextWordsMs ? { latencyMs: round(answer.startMs - lastSoundMs) } : {}),
    ...(over && interrupted?.over ? { bargeInMs: round(interrupted.endMs - firstSoundMs) } : {}),
  };
}

function gapOf(leg: CallLeg, { startMs, endMs }: RawStep): Pick<StepResult, "maxGapMs"> {
  let [last, longest]: [number | undefined, number | undefined] = [undefined, undefined];
  for (const { atMs } of leg.log.packets({ direction: "received", fromMs: startMs, toMs: endMs })) {
    if (last !== undefined) longest = Math.max(longest ?? 0, atMs - last);
    last = atMs;
  }
  return longest === undefined ? {} : { maxGapMs: round(longest) };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;
