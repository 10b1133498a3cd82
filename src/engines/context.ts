import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { TransferResult } from "../call/handover.ts";
import type { RecordingStore } from "../call/recording.ts";
import type { Siblings } from "../call/siblings.ts";

/** What every engine is given. */
export interface EngineContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Without one, the dialplan records what it was told the last time. */
  readonly recordings?: RecordingStore;
  /** Absent: nobody else of this service takes calls. */
  readonly siblings?: Siblings;
  /** Where briefs for humans are, for the dialplan to play. Absolute. */
  readonly briefs?: string;
  /** The dialplan tells what became of a transfer: of a call of ours, or of another's. Must not throw. */
  readonly onTransfer?: (call: string, result: TransferResult) => void;
  /** Somebody has dialled the feature code that opens or closes. Must not throw. */
  readonly onOverride?: (state: OverrideWord) => void;
}

/** What the feature code says. */
export type OverrideWord = "open" | "closed" | "off";

/** Which agents may transfer to a target, by the target's name. */
export type Targets = Readonly<Record<string, readonly string[]>>;

/** What `sidetone check` gives to look at a PBX with. */
export interface InspectContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Calls are to be recorded. */
  readonly records?: boolean;
  /** Where agents may transfer calls to, and which agents. */
  readonly targets?: Targets;
  /** Where calls above the limits go: `menu`, or a target. */
  readonly overflow?: string;
}
