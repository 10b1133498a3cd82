import { Fourier400 } from "./fourier-400.ts";
import { melFilters } from "./mel-filters.ts";

export const MEL_RATE = 16_000;
export const MEL_BANDS = 80;
export const MEL_FRAMES = 800;
const WINDOW = 400;
const HOP = 160;
const SAMPLES = MEL_FRAMES * HOP;
const BINS = WINDOW / 2 + 1;
const FLOOR = 1e-10;

/**
 * What Whisper's encoder is given: the logarithm of the sound's power in 80 bands, 100 times a second, for the last 8 s at 16 kHz. What is
 * missing at the beginning is silence. The sound's mean and loudness are taken out first. Band by band: `[80][800]`.
 */
export class MelFrontEnd {
  readonly #filters = melFilters({ bands: MEL_BANDS, bins: BINS, rate: MEL_RATE });
  readonly #spectrum = pairSpectrum();
  readonly #sound = new Float64Array(SAMPLES + WINDOW);

  features(pcm: Int16Array): Float32Array {
    const missing = this.#fill(pcm.length > SAMPLES ? pcm.subarray(pcm.length - SAMPLES) : pcm);
    const out = new Float32Array(MEL_BANDS * MEL_FRAMES);
    // Frames that hold nothing but the missing beginning are all the same: one is computed.
    const same = Math.max(0, Math.min(MEL_FRAMES - 1, Math.floor((missing - WINDOW / 2) / HOP)));
    for (let frame = same; frame < MEL_FRAMES; frame += 2) this.#pair(frame, out);
    for (let band = 0; band < MEL_BANDS; band++) {
      const row = band * MEL_FRAMES;
      out.fill(out[row + same] as number, row, row + same);
    }
    return scale(out);
  }

  /** Normalised, behind its silence, mirrored at both ends. Returns how many samples were missing. */
  #fill(pcm: Int16Array): number {
    const missing = SAMPLES - pcm.length;
    let sum = 0;
    for (const sample of pcm) sum += sample / 32_768;
    const mean = sum / SAMPLES;
    let squares = missing * mean * mean;
    for (const sample of pcm) squares += (sample / 32_768 - mean) ** 2;
    const gain = 1 / Math.sqrt(squares / SAMPLES + 1e-7);
    const sound = this.#sound;
    const half = WINDOW / 2;
    sound.fill(-mean * gain, half, half + missing);
    for (let i = 0; i < pcm.length; i++) sound[half + missing + i] = ((pcm[i] as number) / 32_768 - mean) * gain;
    for (let i = 1; i <= half; i++) {
      sound[half - i] = sound[half + i] as number;
      sound[half + SAMPLES - 1 + i] = sound[half + SAMPLES - 1 - i] as number;
    }
    return missing;
  }

  #pair(frame: number, out: Float32Array): void {
    const [first, second] = this.#spectrum(this.#sound, frame * HOP);
    this.#bands(first, frame, out);
    if (frame + 1 < MEL_FRAMES) this.#bands(second, frame + 1, out);
  }

  #bands(power: Float64Array, frame: number, out: Float32Array): void {
    for (const [band, { from, weights }] of this.#filters.entries()) {
      let energy = 0;
      for (let i = 0; i < weights.length; i++) energy += (weights[i] as number) * (power[from + i] as number);
      out[band * MEL_FRAMES + frame] = Math.log10(Math.max(FLOOR, energy));
    }
  }
}

/** Nothing lies more than 8 below the loudest; then about -1 to 1. */
function scale(features: Float32Array): Float32Array {
  let loudest = Number.NEGATIVE_INFINITY;
  for (const value of features) if (value > loudest) loudest = value;
  for (let i = 0; i < features.length; i++) features[i] = (Math.max(features[i] as number, loudest - 8) + 4) / 4;
  return features;
}

/**
 * The power spectra of the window at a place and of the one a hop later: two real windows go through one complex transform. What it returns is
 * valid until the next call; behind the end of the sound the second means nothing.
 */
function pairSpectrum(): (sound: Float64Array, at: number) => readonly [Float64Array, Float64Array] {
  const transform = new Fourier400();
  const hann = Float64Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
  const spectra = [new Float64Array(BINS), new Float64Array(BINS)] as const;
  return (sound, at) => {
    const { input } = transform;
    for (let i = 0; i < WINDOW; i++) {
      input.real[i] = (sound[at + i] ?? 0) * (hann[i] as number);
      input.imaginary[i] = (sound[at + HOP + i] ?? 0) * (hann[i] as number);
    }
    const { real, imaginary } = transform.run();
    // What is even in the spectrum is the first window's, what is odd the second's.
    for (let k = 0; k < BINS; k++) {
      const mirror = (WINDOW - k) % WINDOW;
      const [a, b] = [real[k] as number, imaginary[k] as number];
      const [c, d] = [real[mirror] as number, imaginary[mirror] as number];
      spectra[0][k] = ((a + c) ** 2 + (b - d) ** 2) / 4;
      spectra[1][k] = ((b + d) ** 2 + (c - a) ** 2) / 4;
    }
    return spectra;
  };
}
