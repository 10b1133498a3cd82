import type { CallLeg } from "../../src/caller/leg.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { CLOUD_NUMBER } from "../agents.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { PROVIDERS_MS } from "../worker/latency.ts";
import { pauseAfter } from "../worker/pause.ts";
import { silence, utterance } from "../worker/utterance.ts";
import { QUESTION } from "../worker/words.ts";
import { silentAfter } from "./barge-in.ts";
import { answeredMs, inCall, latenessOf, step } from "./call.ts";

const TURNS_A_CALL = 5;
const LISTEN_MS = 700;
const FRAME_MS = 20;

export interface Asked {
  readonly overheadMs: readonly number[];
  /** From the caller's first packet of each question to the agent's last one of the answer before. */
  readonly bargeInMs: readonly number[];
}

/** One call: question after question, each over the answer before; from the last packet of each to the first of its answer. */
export async function askAll(
  leg: CallLeg,
  { signal, smoke }: Bench,
  { question, expectedMs }: Question,
): Promise<Asked> {
  const [overheadMs, bargeInMs]: [number[], number[]] = [[], []];
  let sinceMs = answeredMs(leg);
  for (let turn = 0; turn < (smoke ? 1 : TURNS_A_CALL); turn += 1) {
    await leg.heard.soundFor({ ms: LISTEN_MS, sinceMs, signal: step(signal) });
    const said = await leg.say(framesOf(question), { signal });
    const silentMs = silentAfter(leg, said.firstSoundMs ?? 0);
    if (silentMs !== undefined) bargeInMs.push(silentMs);
    sinceMs = said.lastSoundMs ?? leg.nowMs();
    const answerMs = await leg.heard.sound({ sinceMs, signal: step(signal) });
    overheadMs.push(answerMs - (sinceMs - FRAME_MS) - expectedMs);
  }
  return { overheadMs, bargeInMs };
}

export interface Question {
  readonly question: Int16Array;
  readonly expectedMs: number;
}

/** A question to be said on a line at 8 kHz, and the pause after it in which voice activity makes sure that it is over. */
export function saidOf(text: string): { readonly question: Int16Array; readonly pauseMs: number } {
  const [words, quiet] = [utterance(text, 8000), silence(8000)];
  const question = new Int16Array(words.frames.length * 160);
  for (const [at, frame] of words.frames.entries()) question.set(new Int16Array(frame.buffer), at * 160);
  return { question, pauseMs: pauseAfter(words, quiet, 8000) };
}

export function questionOf(): Question {
  const { question, pauseMs } = saidOf(QUESTION);
  return { question, expectedMs: pauseMs + PROVIDERS_MS };
}

/** What our code, and the PBX's tick of 20 ms, add to the pause and to what the providers take. */
export const reply: Scenario = {
  name: "reply",
  async run(bench): Promise<Findings> {
    const { phone, service } = await bench.stage();
    await service.ready(step(bench.signal));
    const question = questionOf();
    const [samples, lateMs]: [number[], number[]] = [[], []];
    while (samples.length < bench.trials) {
      await inCall(phone, { number: CLOUD_NUMBER, signal: bench.signal }, async (leg) => {
        samples.push(...(await askAll(leg, bench, question)).overheadMs);
        lateMs.push(...latenessOf(leg));
      });
    }
    const pauseMs = question.expectedMs - PROVIDERS_MS;
    return {
      samples: { reply_overhead_ms: samples },
      notes: [
        `taken off: ${pauseMs} ms in which voice activity makes sure of the pause, ${PROVIDERS_MS} ms of the providers`,
      ],
      lateMs,
    };
  },
};
