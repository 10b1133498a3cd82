import type { Findings, Scenario } from "../metric.ts";
import { type Block, blocksOf, selfTimes } from "./blocks.ts";
import { orderOf, warmUp } from "./worker.ts";

const CALLS = 50;
const MEASURE_MS = 30_000;
const OVER_MS = 5;
const SAMPLE_US = 500;
const SHOWN = 12;

const textOf = ({ ms, where }: Block): string =>
  `${ms.toFixed(1)} ms: ${where.map(({ name, ms: part }) => `${name} ${part.toFixed(1)}`).join("; ")}`;

/** What holds the event loop of a worker with 50 calls for longer than 5 ms: told one by one, by a CPU profile. */
export const loop: Scenario = {
  name: "loop",
  alone: true,
  async run(bench): Promise<Findings> {
    const bed = await bench.bed();
    const [calls, ms] = bench.smoke ? [2, 1000] : [CALLS, MEASURE_MS];
    const tryOut = { atOnce: bench.smoke };
    await warmUp(bed, bench);
    let blocks: Block[] = [];
    let dearest: ReturnType<typeof selfTimes> = [];
    const report = await bed.load(orderOf(calls, ms, tryOut), async () => {
      await bed.inspector.startProfile({ everyUs: SAMPLE_US });
      await bench.clock.sleep(ms - 500, bench.signal);
      const profile = await bed.inspector.stopProfile();
      blocks = blocksOf(profile, OVER_MS);
      dearest = selfTimes(profile).slice(0, SHOWN);
    });
    return {
      values: { loop_blocks: blocks.length },
      notes: [
        `${report.calls} calls for ${ms / 1000} s: ${blocks.length} times longer than ${OVER_MS} ms`,
        ...blocks.slice(0, SHOWN).map(textOf),
        `dearest, in parts of a core: ${dearest.map(({ name, cores }) => `${name} ${cores.toFixed(3)}`).join("; ")}`,
      ],
      lateMs: report.ownLateMs,
    };
  },
};
