import { messageOf, OutsideError } from "../../base/errors.ts";
import { type Caller, callUp, fatesOf, hangUp, type Line } from "./callers.ts";
import type { Fault, Field } from "./faults.ts";
import { type ChaosRow, rowOf, skippedRow, type Verdict, verdictOf } from "./rows.ts";
import { whole } from "./service.ts";

export interface ChaosOptions extends Line {
  /** How many callers are in mid-call. */
  readonly callers: number;
  readonly faults: readonly Fault[];
  /** What the faults need to know beside the workers. */
  readonly field: Omit<Field, "workers">;
  /** Tells what is done, in a sentence. */
  readonly progress: (text: string) => void;
}

/** So long callers are listened to after each fault. */
const LISTEN_MS = 4000;
/** A worker that takes calls tells the dialplan of it a moment later. */
const SETTLE_MS = 1500;
const COUNTED_MS = 3000;
const LOOK_MS = 50;

/** One fault after the other, each under callers of its own. Rejects when the service is not whole to begin with. */
export async function chaos(options: ChaosOptions): Promise<Verdict> {
  await whole(options.service, options);
  const rows: ChaosRow[] = [];
  let broken: string | undefined;
  for (const fault of options.faults) {
    if (broken !== undefined) {
      rows.push(skippedRow(fault.name, `after "${broken}" the service was not whole`));
      continue;
    }
    const row = await tried(fault, options).catch((error: unknown) => {
      options.signal.throwIfAborted();
      if (!(error instanceof OutsideError)) throw error;
      // What the others have shown stands all the same.
      return { ...rowOf(fault.name, [], { mustHit: false }), wrong: [messageOf(error)] };
    });
    const left = row.skipped === undefined ? await leftBroken(options) : [];
    rows.push({ ...row, wrong: [...row.wrong, ...left] });
    if (left.length > 0) broken = fault.name;
  }
  return verdictOf(rows);
}

/** What a fault has left broken, though it is over. */
async function leftBroken(options: ChaosOptions): Promise<string[]> {
  try {
    await whole(options.service, options);
    return [];
  } catch (error) {
    options.signal.throwIfAborted();
    return [messageOf(error)];
  }
}

async function tried(fault: Fault, options: ChaosOptions): Promise<ChaosRow> {
  const { service, callers: count, progress, clock, signal } = options;
  const workers = await whole(service, options);
  const why = fault.impossible?.({ ...options.field, workers });
  if (why !== undefined) return skippedRow(fault.name, why);
  await clock.sleep(SETTLE_MS, signal);
  const callers = await callUp(options, count);
  try {
    const field = { ...options.field, workers: await counted(options, callers) };
    progress(`${fault.name}: ${callers.length} calls are up`);
    const faultMs = clock.now();
    const undo = await fault.strike(field);
    try {
      await clock.sleep(LISTEN_MS, signal);
      return rowOf(fault.name, await fatesOf(options, callers, faultMs), fault);
    } finally {
      await undo();
    }
  } finally {
    await hangUp(callers);
  }
}

/** The workers, when they have told each other of these calls. */
async function counted(options: ChaosOptions, callers: readonly Caller[]): Promise<Field["workers"]> {
  const { service, clock, signal } = options;
  const deadline = clock.now() + COUNTED_MS;
  for (;;) {
    const workers = await service.workers();
    const calls = workers.reduce((sum, worker) => sum + worker.calls, 0);
    if (calls >= callers.length || clock.now() > deadline) return workers;
    await clock.sleep(LOOK_MS, signal);
  }
}
