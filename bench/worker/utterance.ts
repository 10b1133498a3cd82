import { FliteProgram } from "../../src/providers/tts/flite-program.ts";
import { shapeSpeech } from "../../src/providers/tts/shape.ts";
import { atLevel, CALLER_DBOV } from "../sounds.ts";

const LOUD = 180;

/** Frames of 20 ms as they go over the wire, little-endian. */
export interface Frames {
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
}

/**
 * Words for a load test at 16 or 8 kHz: they begin with their first loud frame and end with their last one, so that the end of
 * speech is the end of a frame and no matter of taste.
 */
export function utterance(text: string, rate: 8000 | 16_000): Frames {
  const said = new FliteProgram().speak(text, { voice: "rms", speed: 1 });
  const pcm = atLevel(shapeSpeech(said.pcm, { rate: said.rate, pauseMs: 0 }), CALLER_DBOV);
  const wide = said.rate === rate ? pcm : Int16Array.from({ length: pcm.length >> 1 }, (_, at) => pcm[at * 2] ?? 0);
  const frames = framesOf(wide, rate);
  while (frames[0] && !isLoud(frames[0])) frames.shift();
  while (frames.length > 0 && !isLoud(frames.at(-1) as Uint8Array)) frames.pop();
  return { frames };
}

/** What lies on a quiet line. */
export function silence(rate: 8000 | 16_000): Frames {
  const pcm = Int16Array.from({ length: rate / 2 }, (_, at) => ((at * 7919) % 9) - 4);
  return { frames: framesOf(pcm, rate) };
}

function framesOf(pcm: Int16Array, rate: number): Uint8Array<ArrayBuffer>[] {
  const samples = rate / 50;
  return Array.from(
    { length: Math.floor(pcm.length / samples) },
    (_, at) => new Uint8Array(pcm.slice(at * samples, (at + 1) * samples).buffer),
  );
}

/** Whether there is more than comfort noise in it. Looks at every eighth sample. */
export function isLoud(data: Uint8Array): boolean {
  let sum = 0;
  for (let at = 0; at + 1 < data.length; at += 16) {
    const sample = (((data[at] ?? 0) | ((data[at + 1] ?? 0) << 8)) << 16) >> 16;
    sum += sample < 0 ? -sample : sample;
  }
  return sum / (data.length / 16) > LOUD;
}
