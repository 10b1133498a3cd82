import type { CallLeg } from "../../src/caller/leg.ts";
import { randomSource } from "../../src/caller/noise.ts";
import { framesOf } from "../../src/caller/speech.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { INTERRUPTIONS, sayAhead, words } from "../sounds.ts";
import { AUDIBLE_DBOV, answeredMs, inCall, inParallel, latenessOf, step } from "./call.ts";

const AT_ONCE = 3;
const TURNS_A_CALL = 5;
/** The agent is heard for so long before it is talked over, and up to a second more. */
const LISTEN_MS = 600;
/** After so much silence what comes next is another sound. */
const SILENT_MS = 200;
/** An agent that was audible within so much of the caller's first packet was talking. */
const TALKING_MS = 60;
const LOOK_MS = 700;

/**
 * The agent's last audible packet before its first pause of 200 ms after `fromMs`, as ms since `fromMs`. Undefined when the
 * agent was in a pause of its own as the caller began.
 */
export function silentAfter(leg: CallLeg, fromMs: number): number | undefined {
  let last: number | undefined;
  for (const { atMs, levelDbov } of leg.log.packets({ direction: "received", fromMs: fromMs - TALKING_MS })) {
    if (!(levelDbov > AUDIBLE_DBOV)) continue;
    if (last !== undefined && atMs - Math.max(last, fromMs) >= SILENT_MS) break;
    if (last === undefined && atMs > fromMs) return undefined;
    last = atMs;
  }
  return last === undefined ? undefined : Math.max(0, last - fromMs);
}

/** One call: whatever the agent says is talked over, by a question that it then answers. */
async function talkOver(leg: CallLeg, { clock, signal, smoke }: Bench, seed: number): Promise<number[]> {
  const random = randomSource(seed * 7919 + 1);
  const found: number[] = [];
  let sinceMs = answeredMs(leg);
  for (let turn = 0; turn < (smoke ? 1 : TURNS_A_CALL); turn += 1) {
    await leg.heard.soundFor({ ms: LISTEN_MS, sinceMs, signal: step(signal) });
    await clock.sleep((smoke ? 0 : 1000) * random(), signal);
    const text = INTERRUPTIONS[(seed * TURNS_A_CALL + turn) % INTERRUPTIONS.length] ?? "Stop.";
    const said = await leg.say(framesOf(words(text)), { signal });
    const fromMs = said.firstSoundMs ?? 0;
    sinceMs = said.lastSoundMs ?? leg.nowMs();
    await clock.sleep(Math.max(0, fromMs + LOOK_MS - leg.nowMs()), signal);
    const ms = silentAfter(leg, fromMs);
    if (ms !== undefined) found.push(ms);
  }
  return found;
}

/** From the caller's first audible packet to the agent's last one. */
export const bargeIn: Scenario = {
  name: "barge-in",
  async run(bench): Promise<Findings> {
    const { phone, service } = await bench.stage();
    sayAhead(INTERRUPTIONS);
    await service.ready(step(bench.signal));
    const [samples, lateMs]: [number[], number[]] = [[], []];
    let calls = 0;
    // Some begin in a pause of the agent's and are not timed, so calls are made until there are enough.
    while (samples.length < bench.trials && calls < 5 * bench.trials) {
      const atOnce = bench.smoke ? 1 : AT_ONCE;
      await inParallel(atOnce, atOnce, async () => {
        calls += 1;
        await inCall(phone, { signal: bench.signal }, async (leg) => {
          samples.push(...(await talkOver(leg, bench, calls)));
          lateMs.push(...latenessOf(leg));
        });
      });
    }
    return {
      samples: { barge_in_ms: samples },
      notes: [
        `${calls} calls of ${TURNS_A_CALL} interruptions each; one that began in a pause of the agent's is not timed`,
      ],
      lateMs,
    };
  },
};
