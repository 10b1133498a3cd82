import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { comfortNoise, digitalSilence } from "../../src/audio/comfort.ts";
import { findSound } from "../../src/audio/correlate.ts";
import { Framer } from "../../src/audio/framer.ts";
import { levelDbov, peak, SILENCE_DBOV } from "../../src/audio/level.ts";
import { SampleRing } from "../../src/audio/ring.ts";
import { tones } from "../../src/audio/tone.ts";

const noise = (length: number, seed: number, amplitude = 3000) =>
  Int16Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return Math.round((seed / 2 ** 31) * amplitude);
  });
const longSamples = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 801, maxLength: 1900 });
const samples = fc.array(fc.integer({ min: -32768, max: 32767 }), { maxLength: 700 });

describe("levels", () => {
  test("are those of the field", () => {
    expect(levelDbov(new Int16Array(160))).toBe(SILENCE_DBOV);
    expect(levelDbov(new Int16Array(0))).toBe(SILENCE_DBOV);
    expect(levelDbov(new Int16Array(160).fill(-32768))).toBeCloseTo(0);
    for (const level of [-3.1, -20, -40])
      expect(levelDbov(tones({ hz: [1000], ms: 100, rate: 8000, levelDbov: level }))).toBeCloseTo(level, 1);
    expect(levelDbov(tones({ hz: [697, 1209], ms: 1000, rate: 8000, levelDbov: -20 }))).toBeCloseTo(-20, 1);
    expect([peak(Int16Array.of(3, -5, 4)), peak(Int16Array.of(-32768)), peak(new Int16Array(0))]).toEqual([
      5, 32768, 0,
    ]);
  });

  test("an open line is heard at -60 dBov, frame by frame", () => {
    for (const rate of [8000, 16000] as const) {
      const frames = comfortNoise(rate);
      expect(frames.every((pcm) => pcm.length === rate / 50)).toBe(true);
      expect(Math.abs(levelDbov(Int16Array.from(frames.flatMap((pcm) => [...pcm]))) + 60)).toBeLessThan(0.5);
      for (const pcm of frames) expect(Math.abs(levelDbov(pcm) + 60)).toBeLessThan(3);
    }
    expect(digitalSilence(8000)[0]).toEqual(new Int16Array(160));
  });
});

describe("a known sound in a recording", () => {
  const sound = noise(8000, 1);
  const recording = (at: number, gain: number) => {
    const line = noise(40_000, 2, 1000);
    return line.map((value, i) => value + Math.round(gain * (sound[i - at] ?? 0)));
  };

  test("is found to the sample, at any loudness", () => {
    for (const at of [0, 1, 12_345, 32_000]) {
      const { lag, score } = findSound({ sound, recording: recording(at, 0.5) });
      expect(lag).toBe(at);
      expect(score).toBeGreaterThan(0.8);
    }
  });

  test("is found when the recording ends in the middle of it", () => {
    const { lag, score } = findSound({ sound, recording: recording(36_000, 1) });
    expect(lag).toBe(36_000);
    expect(score).toBeGreaterThan(0.5);
  });

  test("that is not there has a low score, in silence too", () => {
    expect(findSound({ sound, recording: noise(40_000, 3) }).score).toBeLessThan(0.1);
    expect(findSound({ sound, recording: new Int16Array(40_000) }).score).toBeLessThan(0.01);
  });

  test("is itself", () => {
    expect(findSound({ sound, recording: sound }).score).toBeCloseTo(1, 6);
    expect(() => findSound({ sound, recording: new Int16Array(0) })).toThrow(RangeError);
  });
});

test("pieces of any length become whole frames of 20 ms, at most five at a time, and nothing is lost", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(samples, longSamples), { maxLength: 8 }), (pieces) => {
      const framer = new Framer(8000, { atOnce: 5 });
      const frames = pieces.flatMap((piece) => [...framer.push(Int16Array.from(piece))]);
      expect(frames.every(({ pcm, rate }) => pcm.length % 160 === 0 && pcm.length <= 800 && rate === 8000)).toBe(true);
      const rest = framer.flush();
      expect([...frames, ...(rest ? [rest] : [])].flatMap(({ pcm }) => [...pcm])).toEqual(pieces.flat());
      expect(framer.flush()).toBeUndefined();
    }),
  );
});

test("a ring keeps what was not released, and refuses what does not fit", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(samples, fc.nat(800)), { maxLength: 20 }), (steps) => {
      const ring = new SampleRing(1000);
      const all: number[] = [];
      let released = 0;
      for (const [piece, release] of steps) {
        const fits = all.length + piece.length - released <= 1000;
        expect(ring.write(Int16Array.from(piece))).toBe(fits);
        if (fits) all.push(...piece);
        const out = new Int16Array(1000);
        expect([...out.subarray(0, ring.read(released, out))]).toEqual(all.slice(released));
        released = Math.min(all.length, released + release);
        ring.release(released);
      }
      expect(ring.end).toBe(all.length);
      ring.clear();
      expect([ring.end, ring.read(0, new Int16Array(5))]).toEqual([0, 0]);
    }),
  );
});
