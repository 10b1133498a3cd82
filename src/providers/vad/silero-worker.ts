import { parentPort } from "node:worker_threads";
import { SileroModel } from "./silero-model.ts";
import { SileroNet } from "./silero-net.ts";
import { readSileroWeights } from "./silero-weights.ts";

/** To the thread: whole windows of one detector's audio (`restart`: they do not join those before), or the detector's end (no audio). */
export interface SileroQuestion {
  readonly detector: number;
  readonly rate: 8000 | 16_000;
  readonly serial: number;
  readonly restart: boolean;
  readonly pcm: Int16Array | undefined;
}

/** From the thread, one for each question, in their order: about its last window. */
export interface SileroVerdict {
  readonly detector: number;
  readonly serial: number;
  /** Probability of speech, 0 to 1. */
  readonly speech: number;
}

const weights = readSileroWeights();
const models = { 8000: new SileroModel(weights[8000]), 16000: new SileroModel(weights[16_000]) };
const nets = new Map<number, SileroNet>();

parentPort?.on("message", ({ detector, rate, serial, restart, pcm }: SileroQuestion) => {
  if (!pcm) {
    nets.delete(detector);
    return;
  }
  const net = nets.get(detector) ?? new SileroNet(models[rate]);
  nets.set(detector, net);
  if (restart) net.reset();
  let speech = 0;
  for (let at = 0; at + net.windowSamples <= pcm.length; at += net.windowSamples) speech = net.next(pcm, at);
  parentPort?.postMessage({ detector, serial, speech } satisfies SileroVerdict);
});
