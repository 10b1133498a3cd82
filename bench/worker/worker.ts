import { execFile } from "node:child_process";
import { cpus } from "node:os";
import { promisify } from "node:util";
import { CLOUD_NUMBER } from "../agents.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { percentile } from "../statistics.ts";
import type { Bed } from "./bed.ts";
import { watchLag } from "./inspector.ts";
import { PROVIDERS_MS } from "./latency.ts";
import { pauseAfter } from "./pause.ts";
import { cpuSeconds, rssKb } from "./process-usage.ts";
import type { LoadOrder, LoadReport } from "./protocol.ts";
import { watchProviders } from "./provided.ts";
import { silence, utterance } from "./utterance.ts";
import { QUESTION } from "./words.ts";

const CALLS = 100;
const ARRIVALS_PER_S = 25;
const MEASURE_MS = 30_000;
const WARM_CALLS = 10;
const WARM_MS = 5000;

export function orderOf(calls: number, measureMs: number, { atOnce = false } = {}): LoadOrder {
  const [words, quiet] = [utterance(QUESTION, 16_000), silence(16_000)];
  const expectedMs = pauseAfter(words, quiet, 16_000) + PROVIDERS_MS;
  return { calls, arrivals: ARRIVALS_PER_S, measureMs, expectedMs, to: CLOUD_NUMBER, wideband: true, atOnce };
}

/** What is compiled and cached with the first calls is no call's; in a try-out it may be. */
export async function warmUp({ warmUp: warm }: Bed, { smoke }: Bench): Promise<void> {
  if (!smoke) await warm(orderOf(WARM_CALLS, WARM_MS));
}

interface Measured {
  readonly report: LoadReport;
  readonly cores: number;
  readonly rssKb: number;
  readonly lagMs: readonly number[];
  /** How late the providers' timers were, at p99. */
  readonly providersMs: number;
}

async function measure(bed: Bed, bench: Bench, order: LoadOrder): Promise<Measured> {
  let cpu = 0;
  let [startMs, rss] = [0, 0];
  let lagMs: readonly number[] = [];
  let providersMs = 0;
  const report = await bed.load(order, async () => {
    const stop = await watchLag(bed.inspector);
    const late = watchProviders(bed.providers, bench.signal);
    [cpu, startMs] = [cpuSeconds(bed.pid), bench.clock.now()];
    await bench.clock.sleep(order.measureMs - 300, bench.signal);
    cpu = (cpuSeconds(bed.pid) - cpu) / ((bench.clock.now() - startMs) / 1000);
    rss = rssKb(bed.pid);
    [lagMs, providersMs] = await Promise.all([stop(), late()]);
  });
  return { report, cores: cpu, rssKb: rss, lagMs, providersMs };
}

const textOf = ({ calls, greeted, turns, unanswered, bargeInMs }: LoadReport): string =>
  `${calls} calls, ${greeted} greeted, ${turns} turns, ${unanswered} unanswered, ${bargeInMs.length} barge-ins timed`;

/** 100 calls at the same time, all of them talking over the agent all the time. */
export const worker: Scenario = {
  name: "worker",
  alone: true,
  async run(bench): Promise<Findings> {
    const bed = await bench.bed();
    const [calls, ms] = bench.smoke ? [3, 5000] : [CALLS, MEASURE_MS];
    const tryOut = { atOnce: bench.smoke };
    await warmUp(bed, bench);
    await bed.inspector.collectGarbage();
    const idleKb = rssKb(bed.pid);
    const order = orderOf(calls, ms, tryOut);
    const { report, cores, rssKb: busyKb, lagMs, providersMs } = await measure(bed, bench, order);
    if (report.greeted < calls || report.unanswered > 0) bench.progress(textOf(report));
    return {
      samples: {
        worker_overhead_ms: report.overheadMs,
        worker_barge_in_ms: report.bargeInMs,
        worker_loop_lag_ms: lagMs,
      },
      values: { worker_cpu_cores: cores, worker_rss_kb_per_call: (busyKb - idleKb) / calls },
      notes: [
        textOf(report),
        `taken off: ${order.expectedMs - PROVIDERS_MS} ms in which voice activity makes sure of the pause, ${PROVIDERS_MS} ms of the providers, whose timers were late by ${providersMs.toFixed(1)} ms at p99`,
        `${Math.round(idleKb / 1024)} MB in RAM without calls, ${Math.round(busyKb / 1024)} MB with them; frames late by ${percentile(report.frameLateMs, 0.95)} ms at p95; generator late by ${percentile(report.ownLateMs, 0.99).toFixed(1)} ms at p99`,
      ],
      lateMs: report.ownLateMs,
    };
  },
};

const STEPS = [100, 200, 300, 400, 500, 600] as const;
const STEP_MS = 12_000;
const LATE_BELOW_MS = 20;
const UNANSWERED_PART = 0.01;

/** Every thread of a process on one core. Rejects where `taskset` is not installed. */
const pin = (pid: number | undefined, cores: string): Promise<unknown> =>
  promisify(execFile)("taskset", ["-acp", cores, String(pid)]);

/** More and more calls on one core, the generator and the providers on the others. */
export const capacity: Scenario = {
  name: "calls a core",
  alone: true,
  async run(bench): Promise<Findings> {
    const bed = await bench.bed();
    const notes: string[] = [];
    const others = [bed.generator.pid, bed.providers.pid];
    const last = cpus().length - 1;
    if (last > 0) await Promise.all([pin(bed.pid, "0"), ...others.map((pid) => pin(pid, `1-${last}`))]);
    else notes.push("one core only: worker, generator and providers share it");
    const tryOut = { atOnce: bench.smoke };
    await warmUp(bed, bench);
    let [best, own]: [number, readonly number[]] = [0, []];
    for (const calls of bench.smoke ? [2] : STEPS) {
      const { report, cores, lagMs } = await measure(bed, bench, orderOf(calls, bench.smoke ? 700 : STEP_MS, tryOut));
      const lateMs = percentile(report.frameLateMs, 0.95);
      const text = `${textOf(report)}; frames late by ${lateMs.toFixed(1)} ms at p95, overhead p95 ${percentile(report.overheadMs, 0.95).toFixed(1)} ms, barge-in p95 ${percentile(report.bargeInMs, 0.95).toFixed(0)} ms, ${cores.toFixed(2)} cores, loop late by ${percentile(lagMs, 0.99).toFixed(1)} ms at p99, generator by ${percentile(report.ownLateMs, 0.99).toFixed(1)} ms`;
      notes.push(text);
      bench.progress(text);
      const answered = report.unanswered <= UNANSWERED_PART * Math.max(1, report.turns);
      if (lateMs >= LATE_BELOW_MS || report.greeted < calls || !answered) break;
      [best, own] = [calls, report.ownLateMs];
    }
    await Promise.all([bed.pid, ...others].map((pid) => pin(pid, `0-${last}`)));
    return { values: { worker_calls_per_core: best }, notes, lateMs: own };
  },
};
