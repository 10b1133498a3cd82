import type { Bench, Findings, Scenario } from "../metric.ts";
import { Inspector } from "../worker/inspector.ts";
import { rssKb } from "../worker/process-usage.ts";
import { inCall, inParallel, step, untilIdle } from "./call.ts";

const FIRST_CALLS = 100;
const ALL_CALLS = 1000;
const AT_ONCE = 20;
const STAY_MS = 800;
/** Memory that is given back to the system takes a moment. */
const SETTLE_MS = 2000;

interface Memory {
  readonly heapKb: number;
  readonly rssKb: number;
}

async function memoryOf(inspector: Inspector, pid: number, { clock, signal, smoke }: Bench): Promise<Memory> {
  const settleMs = smoke ? SETTLE_MS / 10 : SETTLE_MS;
  await clock.sleep(settleMs, signal);
  await inspector.collectGarbage();
  await inspector.collectGarbage();
  const used = await inspector.evaluate<number>(
    "(() => { const { heapUsed, external } = process.memoryUsage(); return heapUsed + external; })()",
  );
  await clock.sleep(settleMs, signal);
  return { heapKb: used / 1024, rssKb: rssKb(pid) };
}

/** What a call leaves in the worker's memory when it is over. */
export const leak: Scenario = {
  name: "leak",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    const { clock, signal } = bench;
    const { phone, service } = stage;
    await service.ready(step(signal));
    const pid = await service.workerPid();
    await using inspector = await Inspector.find(service.logFile, pid);
    let answered = 0;
    const calls = async (count: number): Promise<void> => {
      await inParallel(count, AT_ONCE, async () => {
        await inCall(phone, { signal }, async (leg) => {
          await leg.heard.sound({ signal: step(signal) });
          await clock.sleep(STAY_MS, signal);
        });
        answered += 1;
      });
      await untilIdle(stage, bench);
    };
    const [first, rest] = bench.smoke ? [1, 2] : [FIRST_CALLS, ALL_CALLS - FIRST_CALLS];
    await calls(first);
    const before = await memoryOf(inspector, pid, bench);
    bench.progress(`after ${first} calls: ${Math.round(before.heapKb)} kB used, ${before.rssKb} kB in RAM`);
    await calls(rest);
    const after = await memoryOf(inspector, pid, bench);
    const perCall = (key: keyof Memory): number => (after[key] - before[key]) / rest;
    return {
      values: { leak_kb_per_call: perCall("heapKb") },
      notes: [
        `${answered} calls; used memory (heap and buffers, after a collection) ${Math.round(before.heapKb)} kB after ${first} calls, ${Math.round(after.heapKb)} kB after all; in RAM ${before.rssKb} and ${after.rssKb} kB (${perCall("rssKb").toFixed(2)} kB a call)`,
      ],
    };
  },
};
