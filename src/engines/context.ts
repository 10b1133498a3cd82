import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
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
}

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
