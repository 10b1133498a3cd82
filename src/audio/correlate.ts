import { fourier } from "./fourier.ts";

export interface Found {
  /** Where in the recording the sound begins, in samples. */
  readonly lag: number;
  /** 1: the same but for its loudness; near 0: it is not there. */
  readonly score: number;
}

const MAX_SAMPLES = 2 ** 23;
const KEPT_SIZE = 2 ** 16;

type Transform = ReturnType<typeof fourier>;

const transforms = new Map<number, Transform>();

/**
 * Finds a known sound inside a recording of the same rate, by normalised cross-correlation over all places where it could begin.
 * A sound that goes on after the recording's end is found with a lower score. Throws a RangeError when one of them is empty, or
 * both together have more than 8 million samples.
 */
export function findSound({ sound, recording }: { sound: Int16Array; recording: Int16Array }): Found {
  const length = sound.length + recording.length;
  if (sound.length === 0 || recording.length === 0)
    throw new RangeError("there is no sound to look for, or none to look in");
  if (length > MAX_SAMPLES) throw new RangeError(`${length} samples are too many to look through`);
  const products = crossCorrelation(sound, recording, 2 ** Math.ceil(Math.log2(length)));
  const soundEnergy = energyOf(sound);
  // Below this a window is as good as silent, and dividing by its energy would make a match of anything.
  const floor = Math.max(1, soundEnergy / 10_000);
  let windowEnergy = energyOf(recording.subarray(0, sound.length));
  let best: Found = { lag: 0, score: 0 };
  for (let lag = 0; lag < recording.length; lag++) {
    const score = (products[lag] as number) / Math.sqrt(Math.max(floor, windowEnergy) * Math.max(1, soundEnergy));
    if (score > best.score) best = { lag, score };
    windowEnergy += (recording[lag + sound.length] ?? 0) ** 2 - (recording[lag] as number) ** 2;
  }
  return best;
}

/** Who listens looks again and again, at stretches of the same length: the tables are kept, but for long ones. */
function transformOf(size: number): Transform {
  const transform = transforms.get(size) ?? fourier(size);
  if (size <= KEPT_SIZE) transforms.set(size, transform);
  return transform;
}

function energyOf(pcm: Int16Array): number {
  let energy = 0;
  for (let i = 0; i < pcm.length; i++) energy += (pcm[i] as number) ** 2;
  return energy;
}

/** The sum of products of the sound and the recording from each lag on. Both go through one transform: one as the real part, the other as the imaginary one. */
function crossCorrelation(sound: Int16Array, recording: Int16Array, size: number): Float64Array {
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  real.set(recording);
  imaginary.set(sound);
  const transform = transformOf(size);
  transform(real, imaginary);
  for (let k = 0, mirror = 0; k <= size / 2; k++, mirror = size - k) {
    const [a, b, c, d] = [
      real[k] as number,
      imaginary[k] as number,
      real[mirror] as number,
      imaginary[mirror] as number,
    ];
    // Recording R and sound S, taken apart: R = (z(k) + z*(-k)) / 2, S = (z(k) - z*(-k)) / 2i. Wanted is R times S conjugated.
    const [rr, ri, sr, si] = [(a + c) / 2, (b - d) / 2, (b + d) / 2, (c - a) / 2];
    const [pr, pi] = [rr * sr + ri * si, ri * sr - rr * si];
    real[k] = real[mirror] = pr;
    imaginary[k] = pi;
    imaginary[mirror] = -pi;
  }
  // Backwards is forwards with both parts exchanged.
  transform(imaginary, real);
  for (let i = 0; i < size; i++) real[i] = (real[i] as number) / size;
  return real;
}
