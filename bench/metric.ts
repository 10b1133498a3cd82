import type { Clock } from "../src/base/clock.ts";
import type { PbxStage } from "./engines/stage.ts";
import type { Bed } from "./worker/bed.ts";

/** What a metric shall reach. `of`: which part of its samples; "value" where there is one figure only. */
export interface Aim {
  readonly of: "p50" | "p95" | "p99" | "max" | "value";
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly below?: number;
}

/** One figure of the README. Scenarios measure one or more of them in the same run. */
export interface Metric {
  readonly name: string;
  readonly what: string;
  readonly aims: readonly Aim[];
  /** Where a PBX of this name works differently, other aims. */
  readonly aimsOn?: Readonly<Record<string, readonly Aim[]>>;
  readonly scenario: Scenario;
}

/** The same metric, aiming at what is right for the engine. */
export const forEngine = (metric: Metric, engine: string): Metric => ({
  ...metric,
  aims: metric.aimsOn?.[engine] ?? metric.aims,
});

/** What a scenario found, by the metric's name: samples, or one value. */
export interface Findings {
  readonly samples?: Readonly<Record<string, readonly number[]>>;
  readonly values?: Readonly<Record<string, number>>;
  /** What the reader should know beside the figures. */
  readonly notes?: readonly string[];
  /** How late the scenario's own generator was with what it sent, in ms: above 5 ms at p99 its figures mean nothing. */
  readonly lateMs?: readonly number[];
}

export interface Scenario {
  readonly name: string;
  /** Takes the machine, the worker or the whole PBX for itself. The others may run beside each other in a try-out. */
  readonly alone?: boolean;
  readonly run: (bench: Bench) => Promise<Findings>;
}

export interface Bench {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** At least 30, unless somebody only wants to see that it runs. */
  readonly trials: number;
  /** Fewer than 30 trials were asked for: everything is as small as it can be. */
  readonly smoke: boolean;
  readonly progress: (line: string) => void;
  readonly wants: (metric: string) => boolean;
  /** A PBX with Sidetone beside it, and a phone to call from: started for the first scenario that asks. */
  readonly stage: () => Promise<PbxStage>;
  /** The worker alone, beside a fake Asterisk: likewise. */
  readonly bed: () => Promise<Bed>;
  /** What must be undone at the end of this scenario, whatever happens. */
  readonly undo: AsyncDisposableStack;
}

/** So many trials make a percentile that can be believed. */
export const ENOUGH_TRIALS = 30;
export const MAX_LATE_MS = 5;
