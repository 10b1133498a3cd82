import type { CallLeg } from "../../src/caller/leg.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { EAGER_NUMBER, PLAIN_NUMBER } from "../agents.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { NEAR, NEAR_MS } from "../worker/latency.ts";
import { NEAR_QUESTION } from "../worker/words.ts";
import { answeredMs, inCall, latenessOf, step } from "./call.ts";
import { saidOf } from "./reply.ts";

const TURNS_A_CALL = 5;
/** An answer is over, and so is what the caller thinks about it. */
const REST_MS = 500;
const FRAME_MS = 20;

/** One call: question after question, each when the answer before was heard to its end. From the caller's last loud packet to the agent's first. */
async function askAll(leg: CallLeg, { signal, smoke }: Bench, question: Int16Array): Promise<number[]> {
  const found: number[] = [];
  await leg.heard.sound({ sinceMs: answeredMs(leg), signal: step(signal) });
  for (let turn = 0; turn < (smoke ? 1 : TURNS_A_CALL); turn += 1) {
    await leg.heard.silence({ ms: REST_MS, signal: step(signal) });
    const said = await leg.say(framesOf(question), { signal });
    const endMs = said.lastSoundMs ?? leg.nowMs();
    found.push((await leg.heard.sound({ sinceMs: endMs, signal: step(signal) })) - (endMs - FRAME_MS));
  }
  return found;
}

async function ask(bench: Bench, number: string, question: Int16Array) {
  const { phone } = await bench.stage();
  const [samples, lateMs]: [number[], number[]] = [[], []];
  while (samples.length < bench.trials) {
    await inCall(phone, { number, signal: bench.signal }, async (leg) => {
      samples.push(...(await askAll(leg, bench, question)));
      lateMs.push(...latenessOf(leg));
    });
  }
  return { samples, lateMs };
}

/** From the caller's last word to the agent's first sound, where the recogniser says itself that a turn is nearly over, and where it does not. */
export const firstSound: Scenario = {
  name: "first sound",
  async run(bench): Promise<Findings> {
    const { service } = await bench.stage();
    await service.ready(step(bench.signal));
    const { question, pauseMs } = saidOf(NEAR_QUESTION);
    const askAt = (metric: string, number: string) =>
      bench.wants(metric) ? ask(bench, number, question) : Promise.resolve(undefined);
    const first = askAt("eager_reply_ms", EAGER_NUMBER);
    // One after the other, where it is to be a figure.
    if (!bench.smoke) await first;
    const [eager, plain] = await Promise.all([first, askAt("after_pause_ms", PLAIN_NUMBER)]);
    return {
      samples: {
        ...(eager && { eager_reply_ms: eager.samples }),
        ...(plain && { after_pause_ms: plain.samples.map((ms) => ms - pauseMs) }),
      },
      notes: [
        `providers: final words ${NEAR.stt} ms after the end, the model's first word after ${NEAR.llm} ms, the voice's first sound after ${NEAR.tts} ms: ${NEAR_MS} ms in all, one after the other`,
        ...(eager
          ? [
              `eager: the turn is thought nearly over ${NEAR.eager} ms after the last word, and over after ${NEAR.stt} ms`,
            ]
          : []),
        ...(plain ? [`taken off: ${pauseMs} ms in which voice activity makes sure of the pause`] : []),
      ],
      lateMs: [...(eager?.lateMs ?? []), ...(plain?.lateMs ?? [])],
    };
  },
};
