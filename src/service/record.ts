import type { Clock } from "../base/clock.ts";
import type { Metrics } from "../base/metrics.ts";
import type { CallRecord } from "../call/call.ts";
import { type Cdr, type CdrOutcome, type CdrStore, type OpenCdr, openCdr } from "../call/cdr.ts";
import type { HangupCause, Leg, Next } from "../call/engine.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { ConversationObserver } from "../conversation/observer.ts";
import type { LiveCalls } from "../server/live.ts";
import { fallbackOnRecord, measureConversation, tellAll } from "./measure.ts";
import { recordingOnRecord } from "./recordings.ts";

export interface RecordOptions {
  readonly engine: string;
  readonly agent: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly live: LiveCalls;
  readonly store: CdrStore;
  /** Where the call's course is written down. */
  readonly course?: CourseWriter;
  /** Where the call went when it was taken from its conversation, for which that looks like a hang-up. */
  readonly taken: () => Next | undefined;
  /** Who is told of the call. */
  readonly webhook?: string;
  /** An outcome is filled when the call is over. */
  readonly fills?: boolean;
}

/** A call's record while it is up, and whoever else is told how the call goes. */
export interface Record extends CallRecord {
  readonly observer: ConversationObserver;
  readonly cdr: OpenCdr;
  /** The conversation came to its own end. */
  agreed(): void;
  /** Once, after the record was closed with an outcome to follow. */
  outcome(outcome: CdrOutcome): Cdr;
  close(next: Next): Cdr;
}

export function openRecord(leg: Leg, options: RecordOptions): Record {
  const { metrics, live, taken, agent } = options;
  const cdr = openCdr(leg, options);
  const entry = live.open(leg, agent);
  // Now, so that it is known even when this worker dies with the call.
  const recording = recordingOnRecord(leg);
  if (recording) cdr.recording(recording);
  const written: ConversationObserver = {
    callerWords() {},
    agentWords() {},
    bargeIn() {},
    turn: (turn) => cdr.turn(turn),
    key(digit) {
      cdr.key(digit);
      options.course?.write({ type: "key", digit });
    },
    note: (text) => cdr.note(text),
    language: (language) => cdr.language(language),
    fallback: (step) => cdr.fallback(fallbackOnRecord(step)),
    usage: (usage) => cdr.usage(usage),
  };
  let agreed = false;
  let left = false;
  let given: Next | undefined;
  return {
    observer: tellAll([measureConversation(metrics), written, entry]),
    cdr,
    mark(what) {
      if (what === "media") cdr.answered();
    },
    agreed() {
      agreed = true;
    },
    given(told) {
      given ??= told;
      const next = taken() ?? given;
      left = next.next === "hangup" && !agreed && leg.signal.aborted;
      entry.ended(next);
      count(metrics, leg, next);
      cdr.over();
    },
    close(told) {
      if (!given) this.given?.(told);
      if (recording) cdr.recording(recordingOnRecord(leg));
      const pending = (options.fills ?? false) && cdr.cdr.answered !== null;
      return cdr.close(taken() ?? told, left ? (leg.signal.reason as HangupCause) : null, { pending });
    },
    outcome(outcome) {
      metrics.outcomes.inc({ state: outcome.state });
      entry.outcome(outcome);
      return cdr.outcome(outcome);
    },
  };
}

/** A call that was refused has a record as well. */
export function recordRefusal(leg: Leg, next: Next, options: Pick<RecordOptions, "engine" | "clock" | "store">): void {
  openCdr(leg, { ...options, agent: "" }).close(next, null);
}

function count(metrics: Metrics, { direction }: Leg, next: Next): void {
  metrics.calls.inc({ direction, outcome: next.next });
  if (next.next === "menu") metrics.fallbacks.inc({ reason: next.reason });
}
