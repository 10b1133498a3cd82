import { FRAME_MS, type SampleRate } from "../../../src/audio/frame.ts";
import { loadResampling } from "../../../src/audio/resample.ts";
import { FliteProgram } from "../../../src/providers/tts/flite-program.ts";
import { shapeSpeech } from "../../../src/providers/tts/shape.ts";

/** Numbers from 0 to 1, the same ones every time. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

/** Noise as of a bad line, at a level in dBov. */
export function lineNoise({ rate, ms, dbov }: { rate: number; ms: number; dbov: number }): Int16Array {
  const random = randomFrom(7);
  const rms = 32_768 * 10 ** (dbov / 20);
  // Three uniform numbers make a good bell, of standard deviation one half.
  return Int16Array.from({ length: (rate * ms) / 1000 }, () => (random() + random() + random() - 1.5) * 2 * rms);
}

/** A handset that is knocked about: bursts of noise of 30 to 400 ms, loud ones, which a simple detector takes for voice. */
export function rattle({ rate, ms }: { rate: number; ms: number }): Int16Array {
  const random = randomFrom(11);
  const pcm = lineNoise({ rate, ms, dbov: -60 });
  for (let at = rate / 2; at < pcm.length; at += rate * (0.3 + random() * 0.4)) {
    const length = rate * (0.03 + random() * 0.37);
    const loud = 3000 + random() * 6000;
    let low = 0;
    for (let i = Math.floor(at); i < Math.min(pcm.length, at + length); i++) {
      // Low-passed, so that its colour is that of a voice.
      low = 0.8 * low + (random() - 0.5) * loud;
      pcm[i] = (pcm[i] ?? 0) + low;
    }
  }
  return pcm;
}

const resampling = await loadResampling();
let program: FliteProgram | undefined;

/** Words at -20 dBov on a line with a little noise, and where they are in it. */
export function speechAt({
  rate,
  text,
  beforeMs,
  afterMs,
  voice = "slt",
}: {
  rate: SampleRate;
  text: string;
  beforeMs: number;
  afterMs: number;
  voice?: string;
}) {
  program ??= new FliteProgram();
  const said = program.speak(text, { voice, speed: 1 });
  const resampler = resampling.open({ from: said.rate, to: rate });
  const words = resampler.process(shapeSpeech(said.pcm, { rate: said.rate, pauseMs: 0 })).slice();
  resampler.close();
  const wordsMs = (words.length * 1000) / rate;
  const totalMs = Math.ceil((beforeMs + wordsMs + afterMs) / FRAME_MS) * FRAME_MS;
  const pcm = lineNoise({ rate, ms: totalMs, dbov: -65 });
  const start = (beforeMs * rate) / 1000;
  words.forEach((sample, i) => {
    pcm[start + i] = (pcm[start + i] ?? 0) + sample;
  });
  return { pcm, startMs: beforeMs, endMs: beforeMs + wordsMs };
}
