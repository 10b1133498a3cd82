export type NoiseKind = "white" | "pink" | "babble";

export const NOISE_KINDS: readonly NoiseKind[] = ["white", "pink", "babble"];

/** What a caller's surroundings add to the line. */
export interface Noise {
  /** Adds the next stretch to `packet`, in place, clipped at full scale. */
  addTo(packet: Int16Array): void;
}

/**
 * Noise of a given RMS level (dBov, over a second or so). White hisses, pink rumbles as traffic does, babble is pink noise that
 * swells and fades at the pace of syllables, as a room full of people does. The same seed makes the same noise.
 */
export function createNoise({
  kind,
  levelDbov,
  seed = 1,
}: {
  kind: NoiseKind;
  levelDbov: number;
  seed?: number;
}): Noise {
  const random = randomSource(seed);
  const next = kind === "white" ? () => (random() * 2 - 1) * WHITE_GAIN : pinkSource(random);
  const swell = kind === "babble" ? swellSource(random) : () => 1;
  const amplitude = 32768 * 10 ** (levelDbov / 20);
  return {
    addTo(packet) {
      for (let at = 0; at < packet.length; at++) {
        const sample = (packet[at] ?? 0) + next() * swell() * amplitude;
        packet[at] = Math.max(-32768, Math.min(32767, Math.round(sample)));
      }
    },
  };
}

/** The RMS of a uniform value between -1 and 1 is 1 / sqrt(3). */
const WHITE_GAIN = Math.sqrt(3);

/** A small generator (mulberry32): noise has to be repeatable, not unguessable. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Three one-pole filters side by side fall by about 3 dB an octave over the telephone band; the gain brings the sum to an RMS of 1. */
function pinkSource(random: () => number): () => number {
  const PINK_GAIN = 6.1;
  let [low, middle, high] = [0, 0, 0];
  return () => {
    const white = random() * 2 - 1;
    low = 0.99765 * low + white * 0.099046;
    middle = 0.963 * middle + white * 0.2965164;
    high = 0.57 * high + white * 1.0526913;
    return ((low + middle + high + white * 0.1848) / PINK_GAIN) * WHITE_GAIN;
  };
}

/** Between a third and one and two thirds, in steps of about 150 ms at 8 kHz, gliding. */
function swellSource(random: () => number): () => number {
  let [gain, target, left] = [1, 1, 0];
  return () => {
    if (left-- <= 0) {
      target = 0.33 + random() * 1.34;
      left = 600 + Math.floor(random() * 1200);
    }
    gain += (target - gain) * 0.002;
    return gain;
  };
}
