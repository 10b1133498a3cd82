import { expect, test } from "vitest";
import { MEL_BANDS, MEL_FRAMES, MEL_RATE, MelFrontEnd } from "../../../src/providers/turn/mel.ts";

const SAMPLES = MEL_RATE * 8;
const front = new MelFrontEnd();

const sine = (hz: number, seconds: number): Int16Array =>
  Int16Array.from({ length: seconds * MEL_RATE }, (_, i) => 8_000 * Math.sin((2 * Math.PI * hz * i) / MEL_RATE));

function noise(samples: number): Int16Array {
  let seed = 7;
  return Int16Array.from({ length: samples }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (seed / 2_147_483_648 - 0.5) * 20_000;
  });
}

/** Slaney's scale as Auditory Toolbox has it, written out again: the centre of a band in Hz. */
function centreHz(band: number): number {
  const top = 15 + Math.log(8) / (Math.log(6.4) / 27);
  const mel = (top * (band + 1)) / (MEL_BANDS + 1);
  return mel < 15 ? (mel * 200) / 3 : 1000 * 6.4 ** ((mel - 15) / 27);
}

/** One frame by the definition: a plain sum for each bin, a plain triangle for each band. Before the scaling by the loudest. */
function byDefinition(pcm: Int16Array, frame: number): number[] {
  const sound = new Float64Array(SAMPLES);
  for (let i = 0; i < pcm.length; i++) sound[SAMPLES - pcm.length + i] = (pcm[i] ?? 0) / 32_768;
  const mean = sound.reduce((sum, x) => sum + x, 0) / SAMPLES;
  const variance = sound.reduce((sum, x) => sum + (x - mean) ** 2, 0) / SAMPLES;
  const at = (i: number): number => {
    const mirrored = i < 0 ? -i : i >= SAMPLES ? 2 * SAMPLES - 2 - i : i;
    return ((sound[mirrored] ?? Number.NaN) - mean) / Math.sqrt(variance + 1e-7);
  };
  const power = Array.from({ length: 201 }, (_, k) => {
    let [re, im] = [0, 0];
    for (let n = 0; n < 400; n++) {
      const x = at(frame * 160 - 200 + n) * Math.sin((Math.PI * n) / 400) ** 2;
      re += x * Math.cos((2 * Math.PI * k * n) / 400);
      im -= x * Math.sin((2 * Math.PI * k * n) / 400);
    }
    return re * re + im * im;
  });
  return Array.from({ length: MEL_BANDS }, (_, band) => {
    const [low, mid, high] = [band === 0 ? 0 : centreHz(band - 1), centreHz(band), centreHz(band + 1)];
    const energy = power.reduce((sum, p, k) => {
      const hz = k * 40;
      const height = hz <= mid ? (hz - low) / (mid - low) : (high - hz) / (high - mid);
      return sum + p * Math.max(0, height) * (2 / (high - low));
    }, 0);
    return Math.log10(Math.max(1e-10, energy));
  });
}

const column = (features: Float32Array, frame: number): number[] =>
  Array.from({ length: MEL_BANDS }, (_, band) => features[band * MEL_FRAMES + frame] ?? Number.NaN);

test.each([200, 440, 1_000, 2_500, 6_000])(
  "the energy of a tone of %d Hz lies in the band that it belongs to",
  (hz) => {
    const features = front.features(sine(hz, 8));
    const bands = column(features, 400);
    const loudest = bands.indexOf(Math.max(...bands));
    const nearest = bands.map((_, band) => Math.abs(centreHz(band) - hz));
    expect(Math.abs(loudest - nearest.indexOf(Math.min(...nearest)))).toBeLessThanOrEqual(1);
  },
);

test.each([
  ["eight seconds of noise", noise(SAMPLES), [0, 1, 2, 399, 798, 799]],
  ["two seconds of noise", noise(2 * MEL_RATE + 77), [0, 300, 598, 599, 600, 799]],
  ["more than eight seconds", noise(SAMPLES + 1_000), [0, 799]],
])("of %s, each frame is what the definition says", (_, pcm, frames) => {
  const features = front.features(pcm);
  const kept = pcm.subarray(Math.max(0, pcm.length - SAMPLES));
  // The loudest value of all is what the others are measured by: it is read back from the features, whose scaling keeps it.
  const loudest = Math.max(...features) * 4 - 4;
  for (const frame of frames) {
    const wanted = byDefinition(kept, frame).map((value) => (Math.max(value, loudest - 8) + 4) / 4);
    for (const [band, value] of column(features, frame).entries())
      expect(value).toBeCloseTo(wanted[band] ?? Number.NaN, 4);
  }
});

test("nothing lies more than 8 (2 after the scaling) below the loudest, and silence is even", () => {
  const features = front.features(noise(MEL_RATE));
  const loudest = features.reduce((a, b) => Math.max(a, b));
  const least = features.reduce((a, b) => Math.min(a, b));
  expect(loudest - least).toBeLessThanOrEqual(2.000_01);
  const silent = front.features(new Int16Array(0));
  expect(new Set(silent)).toEqual(new Set([-1.5]));
});

test("how loud the caller is makes no difference", () => {
  const loud = front.features(noise(MEL_RATE));
  const quiet = front.features(noise(MEL_RATE).map((sample) => sample / 4));
  expect(column(quiet, 750)[40]).toBeCloseTo(column(loud, 750)[40] ?? Number.NaN, 2);
});
