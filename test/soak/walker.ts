import { parentPort, workerData } from "node:worker_threads";
import type { EngineName } from "../model/run.ts";
import { story, walk } from "../model/walks.ts";

export interface Walked {
  readonly runs: number;
  readonly calls: number;
  readonly faults: number;
  readonly resumed: number;
  readonly longestSilenceMs: number;
  /** What happened in the first runs that failed. */
  readonly failed: readonly string[];
}

const { engine, first, runs } = workerData as { engine: EngineName; first: number; runs: number };
const stop = new AbortController();
parentPort?.once("message", () => stop.abort());
const { failed, ...sum } = await walk({
  engine,
  first,
  runs,
  signal: stop.signal,
  onRun(done) {
    if (done % 500 === 0) parentPort?.postMessage({ done });
  },
});
parentPort?.postMessage({ ...sum, failed: failed.map(story) } satisfies Walked);
parentPort?.close();
