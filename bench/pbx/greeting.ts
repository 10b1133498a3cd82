import type { Scenario } from "../metric.ts";
import { answeredMs, inCall, latenessOf, step } from "./call.ts";

/** From the PBX's answer (200 OK at the caller) to the greeting's first audible packet. */
export const greeting: Scenario = {
  name: "greeting",
  async run({ stage, trials, signal }) {
    const { phone } = await stage();
    const [samples, lateMs]: [number[], number[]] = [[], []];
    for (let trial = 0; trial < trials; trial += 1) {
      await inCall(phone, { signal }, async (leg) => {
        samples.push((await leg.heard.sound({ signal: step(signal) })) - answeredMs(leg));
        lateMs.push(...latenessOf(leg));
      });
    }
    return { samples: { greeting_ms: samples }, lateMs };
  },
};
