import { Worker } from "node:worker_threads";
import type { EngineName } from "../model/run.ts";
import type { Walked } from "./walker.ts";

export interface ModelOptions {
  readonly engine: EngineName;
  readonly first: number;
  readonly runs: number;
  readonly threads: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Many walks of the model of a lent call. The seeds are shared out evenly; each thread walks alone. */
export async function model({ engine, first, runs, threads, say, signal }: ModelOptions): Promise<Walked> {
  const each = Math.ceil(runs / threads);
  const done = new Map<number, number>();
  let toldAt = 0;
  const onDone = (thread: number, runsDone: number): void => {
    done.set(thread, runsDone);
    const sum = [...done.values()].reduce((all, one) => all + one, 0);
    if (sum - toldAt < runs / 100) return;
    toldAt = sum;
    say(`model of ${engine}: ${sum} of ${runs} runs`);
  };
  const parts = Array.from({ length: threads }, (_, thread) => {
    const seeds = { engine, first: first + thread * each, runs: Math.max(0, Math.min(each, runs - thread * each)) };
    return walkApart(seeds, { signal, onDone: (sum) => onDone(thread, sum) });
  });
  const all = await Promise.all(parts);
  const sum = (figure: (part: Walked) => number): number => all.reduce((total, part) => total + figure(part), 0);
  return {
    runs: sum((part) => part.runs),
    calls: sum((part) => part.calls),
    faults: sum((part) => part.faults),
    resumed: sum((part) => part.resumed),
    longestSilenceMs: Math.max(0, ...all.map(({ longestSilenceMs }) => longestSilenceMs)),
    failed: all.flatMap(({ failed }) => failed),
  };
}

function walkApart(
  seeds: { engine: EngineName; first: number; runs: number },
  { signal, onDone }: { signal: AbortSignal; onDone: (sum: number) => void },
): Promise<Walked> {
  const worker = new Worker(new URL("walker.ts", import.meta.url), { workerData: seeds });
  // It ends after the run that it is in, and takes its folder away.
  const stop = (): void => worker.postMessage("stop");
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  return new Promise((resolve, reject) => {
    worker.on("message", (message: { done: number } | Walked) => {
      if ("failed" in message) resolve(message);
      else onDone(message.done);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`a thread that walked from seed ${seeds.first} ended with ${code}`)));
  });
}
