import { type EngineName, type RunOptions, run } from "./run.ts";
import type { Mutation } from "./service.ts";
import { Shelf } from "./shelf.ts";
import type { Run } from "./walk.ts";

/** What many runs showed. */
export interface Walks {
  readonly runs: number;
  readonly calls: number;
  readonly faults: number;
  readonly resumed: number;
  readonly inMenu: number;
  /** Runs in which one worker was killed and nothing else happened, and callers of these whom nobody had sent to the menu where they were. */
  readonly oneKill: number;
  readonly strayed: number;
  readonly longestSilenceMs: number;
  /** The first runs in which something was that must never be, with all that happened in them. */
  readonly failed: readonly Run[];
}

export interface WalkOptions {
  readonly engine: EngineName;
  readonly first: number;
  readonly runs: number;
  readonly mutations?: readonly Mutation[];
  /** After so many failed runs enough is known. */
  readonly enough?: number;
  readonly signal?: AbortSignal;
  readonly onRun?: (done: number) => void;
}

/** Runs one seed after the other. */
export async function walk({
  engine,
  first,
  runs,
  mutations = [],
  enough = 3,
  signal,
  onRun,
}: WalkOptions): Promise<Walks> {
  using shelf = new Shelf();
  const sum = { runs: 0, calls: 0, faults: 0, resumed: 0, inMenu: 0, oneKill: 0, strayed: 0, longestSilenceMs: 0 };
  const failed: Run[] = [];
  for (let seed = first; seed < first + runs && failed.length < enough && !signal?.aborted; seed++) {
    const one = await run({ engine, seed, shelf, mutations });
    sum.runs++;
    sum.calls += one.calls;
    sum.faults += one.faults;
    sum.resumed += one.resumed;
    sum.inMenu += one.inMenu;
    if (one.oneKill) {
      sum.oneKill++;
      sum.strayed += one.strayed;
    }
    sum.longestSilenceMs = Math.max(sum.longestSilenceMs, one.longestSilenceMs);
    // Once more, for whoever wants to know how it came to that.
    if (one.violations.length > 0) failed.push(await told({ engine, seed, mutations }));
    onRun?.(sum.runs);
    // A run leaves the event loop no turn; whoever wants to stop all this needs one.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { ...sum, failed };
}

async function told(options: Pick<RunOptions, "engine" | "seed" | "mutations">): Promise<Run> {
  using shelf = new Shelf();
  return await run({ ...options, shelf, tell: true });
}

/** What to print of a run that failed. */
export const story = ({ seed, violations, told }: Run): string =>
  [`seed ${seed}: ${violations.join("; ")}`, ...told].join("\n");
