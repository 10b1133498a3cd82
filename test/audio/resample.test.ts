import { beforeAll, describe, expect, test } from "vitest";
import { levelDbov } from "../../src/audio/level.ts";
import { loadResampling, type Resampling } from "../../src/audio/resample.ts";
import { tones } from "../../src/audio/tone.ts";

let resampling: Resampling;
beforeAll(async () => {
  resampling = await loadResampling();
});

/** All of a sound through a resampler, in pieces of `size` samples. */
function through({ from, to, pcm, size }: { from: number; to: number; pcm: Int16Array; size: number }): Int16Array {
  const resampler = resampling.open({ from, to });
  const out: number[] = [];
  for (let at = 0; at < pcm.length; at += size) out.push(...resampler.process(pcm.subarray(at, at + size)));
  out.push(...resampler.flush());
  resampler.close();
  resampler.close();
  return Int16Array.from(out);
}
const tone = (rate: number, hz = 1000) => tones({ hz: [hz], ms: 500, rate, levelDbov: -12 });
const difference = (a: Int16Array, b: Int16Array) => levelDbov(a.map((value, i) => value - (b[i] ?? 0)));

describe("a voice at another rate", () => {
  test.each([
    [8000, 16000],
    [16000, 8000],
    [24000, 8000],
    [24000, 16000],
    [48000, 8000],
    [48000, 16000],
    [16000, 24000],
    [22050, 16000],
  ])("%i to %i keeps its pitch, its loudness, its length and its place", (from, to) => {
    const wanted = tone(to);
    const out = through({ from, to, pcm: tone(from), size: from / 50 });
    expect(out.length).toBe(wanted.length);
    expect(Math.abs(levelDbov(out) - -12)).toBeLessThan(0.1);
    expect(difference(wanted, out)).toBeLessThan(-55);
  });

  test("is the same however it is cut into pieces", () => {
    const pcm = tone(24000, 440);
    const whole = through({ from: 24000, to: 16000, pcm, size: pcm.length });
    for (const size of [1, 7, 480, 959, 961, 5000])
      expect(through({ from: 24000, to: 16000, pcm, size })).toEqual(whole);
  });

  test("has nothing above what the caller's line carries", () => {
    const out = through({ from: 16000, to: 8000, pcm: tone(16000, 6000), size: 320 });
    // Where the tone is switched on and off there is a click, which holds every frequency.
    expect(levelDbov(out.subarray(200, -200))).toBeLessThan(-90);
  });

  test("begins afresh after a flush", () => {
    const resampler = resampling.open({ from: 8000, to: 16000 });
    const once = () => [...resampler.process(tone(8000)).slice(), ...resampler.flush().slice()];
    expect(once()).toEqual(once());
    resampler.close();
    expect(resampler.process(tone(8000))).toHaveLength(0);
  });

  test("that is already right is passed on untouched", () => {
    const pcm = tone(16000);
    const same = resampling.open({ from: 16000, to: 16000 });
    expect(same.process(pcm)).toBe(pcm);
    expect(same.flush()).toHaveLength(0);
  });

  test("of no possible rate is refused", () => {
    expect(() => resampling.open({ from: 0, to: 8000 })).toThrow(RangeError);
  });
});
