import { flushCompileCache } from "node:module";
import { parentPort } from "node:worker_threads";
import { SileroModel } from "./silero-model.ts";
import { SileroNet } from "./silero-net.ts";
import { readSileroWeights } from "./silero-weights.ts";

/** Whole windows of one detector's audio (`restart`: they do not join those before), or the detector's end (no samples). */
export interface SileroQuestion {
  readonly detector: number;
  readonly rate: 8000 | 16_000;
  readonly serial: number;
  readonly restart: boolean;
  readonly samples: number;
}

/** To the thread: what was asked in one round of the event loop, and the audio of all of it, one behind the other. */
export interface SileroQuestions {
  readonly questions: readonly SileroQuestion[];
  readonly pcm: Int16Array;
}

/** From the thread, for all questions of a message, in their order: each about its last window. */
export interface SileroVerdict {
  readonly detector: number;
  readonly serial: number;
  /** Probability of speech, 0 to 1. */
  readonly speech: number;
}

const weights = readSileroWeights();
const models = { 8000: new SileroModel(weights[8000]), 16000: new SileroModel(weights[16_000]) };
const nets = new Map<number, SileroNet>();

parentPort?.on("message", ({ questions, pcm }: SileroQuestions) => {
  const verdicts: SileroVerdict[] = [];
  let from = 0;
  for (const question of questions) {
    const { detector, serial, samples } = question;
    if (samples === 0) nets.delete(detector);
    else verdicts.push({ detector, serial, speech: judged(question, pcm.subarray(from, from + samples)) });
    from += samples;
  }
  if (verdicts.length > 0) parentPort?.postMessage(verdicts);
});

function judged({ detector, rate, restart }: SileroQuestion, pcm: Int16Array): number {
  const net = nets.get(detector) ?? new SileroNet(models[rate]);
  nets.set(detector, net);
  if (restart) net.reset();
  let speech = 0;
  for (let at = 0; at + net.windowSamples <= pcm.length; at += net.windowSamples) speech = net.next(pcm, at);
  return speech;
}
flushCompileCache();
