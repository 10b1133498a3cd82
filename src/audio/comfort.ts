import { type SampleRate, samplesPerFrame } from "./frame.ts";

/** Frames of 20 ms that are sent in turn while nobody speaks. Never written to. */
export type Comfort = readonly [Int16Array, ...Int16Array[]];

const FRAMES = 50;
const LEVEL_DBOV = -60;

/**
 * The sound of an open line: a second of soft noise at -60 dBov, made once for each rate and shared by all calls.
 * Digital silence makes callers think that the line is dead, and some trunks stop sending it.
 */
export function comfortNoise(rate: SampleRate, levelDbov = LEVEL_DBOV): Comfort {
  const size = samplesPerFrame(rate);
  const noise = softNoise(size * FRAMES, 32768 * 10 ** (levelDbov / 20));
  const frame = (index: number) => noise.subarray(index * size, (index + 1) * size);
  return [frame(0), ...Array.from({ length: FRAMES - 1 }, (_, index) => frame(index + 1))];
}

/** Exact digital silence, where an operator or a test wants it. */
export const digitalSilence = (rate: SampleRate): Comfort => [new Int16Array(samplesPerFrame(rate))];

/** Noise with less of the high tones than white noise, so that it does not hiss; always the same one. */
function softNoise(length: number, rms: number): Int16Array {
  let seed = 1;
  let low = 0;
  const wave = Float64Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    low = 0.6 * low + seed / 2 ** 31;
    return low;
  });
  const power = wave.reduce((sum, value) => sum + value * value, 0) / length;
  const gain = rms / Math.sqrt(power);
  return Int16Array.from(wave, (value) => Math.round(value * gain));
}
