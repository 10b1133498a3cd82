import type { CallLeg } from "../../src/caller/leg.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { CLOUD_NUMBER } from "../agents.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { INTERRUPTIONS, sayAhead, words } from "../sounds.ts";
import { percentile } from "../statistics.ts";
import { cpuSeconds } from "../worker/process-usage.ts";
import { answeredMs, inCall, latenessOf, step, untilIdle } from "./call.ts";
import { frameGaps, frameLateness } from "./frames.ts";

const STEPS = [10, 20, 30, 40, 50, 60, 80, 100, 120] as const;
const SMOKE_STEPS = [2] as const;
const HOLD_MS = 12_000;
/** The last ones have been greeted. */
const SETTLE_MS = 1500;
const LATE_BELOW_MS = 20;
const ARRIVALS_PER_S = 10;

interface Load {
  readonly calls: number;
  readonly greeted: number;
  readonly lateP99Ms: number;
  readonly gapP99Ms: number;
  readonly gapsMs: readonly number[];
  /** Cores in use while all conversations were up. */
  readonly cores: { readonly worker: number; readonly pbx: number };
  readonly ownLateP99Ms: number;
  readonly ownLateMs: readonly number[];
}

/** Talks: asks, listens to three seconds of the answer, asks again. */
async function converse(leg: CallLeg, { clock, signal }: Bench, untilMs: number, seed: number): Promise<void> {
  for (let turn = seed; clock.now() < untilMs; turn += 1) {
    const text = INTERRUPTIONS[turn % INTERRUPTIONS.length] ?? "Stop.";
    await leg.say(framesOf(words(text)), { signal });
    await clock.sleep(Math.max(0, Math.min(4000, untilMs - clock.now())), signal);
  }
}

/** Cores that the processes use from `fromMs` to `untilMs`. NaN for one that has ended. */
async function coresOf(
  pids: readonly number[],
  { clock, signal }: Bench,
  fromMs: number,
  untilMs: number,
): Promise<number> {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  await clock.sleep(Math.max(0, fromMs - clock.now()), signal);
  const [before, startMs] = [used(), clock.now()];
  await clock.sleep(Math.max(0, untilMs - clock.now()), signal);
  return (1000 * (used() - before)) / (clock.now() - startMs);
}

/** So many conversations at the same time, counted from when the last one was answered. */
async function hold(stage: PbxStage, bench: Bench, calls: number, number?: string): Promise<Load> {
  const { clock, signal } = bench;
  const [holdMs, settleMs] = bench.smoke ? [800, 300] : [HOLD_MS, SETTLE_MS];
  const startMs = clock.now();
  const measureMs = startMs + (calls * 1000) / ARRIVALS_PER_S + settleMs;
  const [late, gaps, own]: [number[], number[], number[]] = [[], [], []];
  let greeted = 0;
  const one = async (index: number): Promise<void> => {
    await clock.sleep((index * 1000) / ARRIVALS_PER_S, signal);
    await inCall(stage.phone, { signal, ...(number !== undefined && { number }) }, async (leg) => {
      await leg.heard.sound({ signal: step(signal) });
      greeted += 1;
      await converse(leg, bench, measureMs + holdMs, index);
      for (const ms of frameLateness(leg, { sinceMs: measureMs })) late.push(ms);
      for (const ms of frameGaps(leg, { sinceMs: measureMs })) gaps.push(ms);
      for (const ms of latenessOf(leg, { sinceMs: measureMs })) own.push(ms);
    });
  };
  const cores = (pids: readonly number[]): Promise<number> =>
    coresOf(pids, bench, measureMs, measureMs + holdMs).catch(() => Number.NaN);
  const usage = Promise.all([cores([await stage.service.workerPid()]), cores(stage.pids)]);
  const ends = await Promise.allSettled(Array.from({ length: calls }, (_, index) => one(index)));
  signal.throwIfAborted();
  const failed = ends.filter(({ status }) => status === "rejected").length;
  const [worker, pbx] = await usage;
  await untilIdle(stage, bench);
  return {
    calls,
    greeted: greeted - failed,
    lateP99Ms: percentile(late, 0.99),
    gapP99Ms: percentile(gaps, 0.99),
    gapsMs: gaps,
    cores: { worker, pbx },
    ownLateP99Ms: percentile(own, 0.99),
    ownLateMs: own,
  };
}

/**
 * More and more conversations at the same time, until the outgoing frames come late. With the providers of elsewhere: the local
 * recogniser alone takes two cores for twenty callers who talk, and would be all that is measured.
 */
export const concurrent: Scenario = {
  name: "concurrent calls",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    sayAhead(INTERRUPTIONS);
    await stage.service.ready(step(bench.signal));
    const loads: Load[] = [];
    for (const calls of bench.smoke ? SMOKE_STEPS : STEPS) {
      const load = await hold(stage, bench, calls, CLOUD_NUMBER);
      loads.push(load);
      bench.progress(`${calls} calls: frames late by ${load.lateP99Ms.toFixed(1)} ms at p99, ${load.greeted} greeted`);
      if (load.lateP99Ms >= LATE_BELOW_MS || load.greeted < calls) break;
    }
    const carried = loads.filter(({ lateP99Ms, greeted, calls }) => lateP99Ms < LATE_BELOW_MS && greeted === calls);
    const best = carried.at(-1);
    return {
      values: { concurrent_calls: best?.calls ?? 0 },
      notes: loads.map(noteOf),
      lateMs: best?.ownLateMs ?? [],
    };
  },
};

const noteOf = ({ calls, greeted, lateP99Ms, gapP99Ms, ownLateP99Ms, cores }: Load): string =>
  `${calls} calls: ${greeted} greeted, frames' lateness p99 ${lateP99Ms.toFixed(1)} ms, gap between them p99 ${gapP99Ms.toFixed(1)} ms (callers' own lateness ${ownLateP99Ms.toFixed(1)} ms); cores: worker ${cores.worker.toFixed(2)}, PBX ${cores.pbx.toFixed(2)}`;

const LENT = 100;

/** A hundred calls that are lent at the same time, their recogniser, model and voice on other machines as far as the worker can tell. */
export const lent: Scenario = {
  name: "100 calls",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    sayAhead(INTERRUPTIONS);
    await stage.service.ready(step(bench.signal));
    const load = await hold(stage, bench, bench.smoke ? 2 : LENT, CLOUD_NUMBER);
    return {
      samples: { lent_gap_ms: load.gapsMs },
      values: { lent_worker_cores: load.cores.worker },
      notes: [noteOf(load)],
      lateMs: load.ownLateMs,
    };
  },
};

const RATES = [10, 20, 30, 40, 50] as const;
const SETUP_S = 5;
const GREETED_WITHIN_MS = 1000;
const STAY_MS = 1000;

/** Calls at a steady rate for five seconds; returns how long after its INVITE each caller was greeted. */
async function arrive(
  stage: PbxStage,
  bench: Bench,
  rate: number,
): Promise<{ greetedMs: number[]; calls: number; own: number[] }> {
  const { clock, signal } = bench;
  const calls = Math.ceil(rate * (bench.smoke ? 1 : SETUP_S));
  const [greetedMs, own]: [number[], number[]] = [[], []];
  const one = async (index: number): Promise<void> => {
    await clock.sleep((index * 1000) / rate, signal);
    await inCall(stage.phone, { signal }, async (leg) => {
      const atMs = await leg.heard.sound({ signal: step(signal, 5000) });
      greetedMs.push(atMs - Math.min(leg.times.startMs, answeredMs(leg)));
      await clock.sleep(STAY_MS, signal);
      for (const ms of latenessOf(leg)) own.push(ms);
    });
  };
  await Promise.allSettled(Array.from({ length: calls }, (_, index) => one(index)));
  signal.throwIfAborted();
  await untilIdle(stage, bench);
  return { greetedMs, calls, own };
}

/** The highest rate of new calls at which every caller is greeted within a second of dialling. */
export const setup: Scenario = {
  name: "set-up",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    await stage.service.ready(step(bench.signal));
    const notes: string[] = [];
    let [best, own]: [number, readonly number[]] = [0, []];
    for (const rate of bench.smoke ? [2] : RATES) {
      const { greetedMs, calls, own: late } = await arrive(stage, bench, rate);
      const intime = greetedMs.filter((ms) => ms <= GREETED_WITHIN_MS).length;
      const text = `${rate} new calls a second: ${intime} of ${calls} greeted within ${GREETED_WITHIN_MS} ms of dialling, p95 ${percentile(greetedMs, 0.95).toFixed(0)} ms`;
      notes.push(text);
      bench.progress(text);
      if (intime < calls) break;
      [best, own] = [rate, late];
    }
    return { values: { setup_per_s: best }, notes, lateMs: own };
  },
};
