import { loadFvad } from "../../src/providers/vad/fvad-library.ts";
import { SileroDetector } from "../../src/providers/vad/silero-detector.ts";
import { SileroModel } from "../../src/providers/vad/silero-model.ts";
import { SileroNet } from "../../src/providers/vad/silero-net.ts";
import { readSileroWeights } from "../../src/providers/vad/silero-weights.ts";
import { percentile } from "../statistics.ts";
import type { Frames } from "./utterance.ts";

const HANG_MS = 160;
const QUESTIONS = 9;
const PAUSE_FRAMES = 125;

/**
 * How long after the last frame of these words the service's voice activity says that they are over, with a network that
 * answers at once: the pause that is configured, and no work of ours. In ms.
 */
export function pauseAfter(words: Frames, quiet: Frames, rate: 8000 | 16_000): number {
  const net = new SileroNet(new SileroModel(readSileroWeights()[rate]));
  const detector: SileroDetector = new SileroDetector({
    rate,
    onsetMs: 40,
    hangMs: HANG_MS,
    threshold: 0.4,
    fvad: loadFvad().open({ rate, mode: 3 }),
    ask(windows, { serial, restart }) {
      if (restart) net.reset();
      let speech = 0;
      for (let at = 0; at < windows.length; at += net.windowSamples) speech = net.next(windows, at);
      detector.verdict(serial, speech);
      return true;
    },
    onClose: () => {},
  });
  const push = (bytes: Uint8Array<ArrayBuffer>): "speech" | "silence" | undefined =>
    detector.push({ pcm: new Int16Array(bytes.slice().buffer), rate });
  // As in the load test: one question after the other, with pauses between them. What adapts has adapted by the last ones.
  const pauses: number[] = [];
  for (let times = 0; times < QUESTIONS; times += 1) {
    for (const frame of words.frames) push(frame);
    if (!detector.speaking) throw new Error("the bench's own question is not taken for speech");
    const frames = Array.from({ length: PAUSE_FRAMES }, (_, at) => quiet.frames[at % quiet.frames.length]);
    const edge = frames.findIndex((frame) => frame && push(frame) === "silence");
    if (edge < 0) throw new Error("the bench's own question does not end");
    pauses.push((edge + 1) * 20);
    for (const frame of frames.slice(edge + 1)) if (frame) push(frame);
  }
  return percentile(pauses.slice(-5), 0.5);
}
