import { flushCompileCache } from "node:module";
import { type SampleRate, samplesPerFrame } from "../../audio/frame.ts";
import { loadResampling } from "../../audio/resample.ts";
import { messageOf } from "../../base/errors.ts";
import { FliteProgram } from "./flite-program.ts";
import { shapeSpeech } from "./shape.ts";

export interface FliteJob {
  readonly text: string;
  readonly voice: string;
  readonly speed: number;
  readonly rate: SampleRate;
  /** Silence behind the words, in ms; up to 19 more fill the last frame. */
  readonly pauseMs: number;
}

/** Whole 20 ms frames at the job's rate, or why there are none. */
export type FliteResult = { readonly pcm: Int16Array<ArrayBuffer> } | { readonly error: string };

const tell = (result: FliteResult): void => {
  process.send?.(result);
};

const program = new FliteProgram();
const resampling = await loadResampling();

process.on("message", (job: FliteJob) => {
  try {
    const pcm = speak(job);
    tell({ pcm });
  } catch (error) {
    tell({ error: messageOf(error) });
  }
  // While nobody waits: the next run of the program is ready when the next piece comes.
  program.prepare();
});
// Nobody is left to speak for.
process.on("disconnect", () => process.exit(0));
// A Ctrl-C in the terminal goes to the whole group; the parent decides when this ends.
process.on("SIGINT", () => {});
// The next one need not compile it again.
flushCompileCache();

function speak({ text, voice, speed, rate, pauseMs }: FliteJob): Int16Array<ArrayBuffer> {
  const speech = program.speak(text, { voice, speed });
  const shaped = shapeSpeech(speech.pcm, { rate: speech.rate, pauseMs });
  const resampler = resampling.open({ from: speech.rate, to: rate });
  const frame = samplesPerFrame(rate);
  const whole = new Int16Array(Math.ceil((shaped.length * rate) / speech.rate / frame) * frame);
  const most = resampler.process(shaped);
  whole.set(most);
  const length = most.length;
  whole.set(resampler.flush().subarray(0, whole.length - length), length);
  resampler.close();
  return whole;
}
