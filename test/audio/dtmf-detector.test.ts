import { describe, expect, test } from "vitest";
import { DtmfDetector } from "../../src/audio/dtmf-detector.ts";
import { alaw, ulaw } from "../../src/audio/g711.ts";
import { dtmfFrequencies, dtmfTone, tones } from "../../src/audio/tone.ts";

const KEYS = "0123456789*#ABCD";
const RATES = [8000, 16000];

const join = (...parts: Int16Array[]): Int16Array => Int16Array.from(parts.flatMap((part) => [...part]));
const silence = (ms: number, rate = 8000) => new Int16Array((ms * rate) / 1000);

/** Fed in frames of 20 ms, as a call does it. */
function heard(pcm: Int16Array, rate = 8000) {
  const detector = new DtmfDetector({ rate });
  const digits = [];
  for (let at = 0; at < pcm.length; at += rate / 50) digits.push(...detector.push(pcm.subarray(at, at + rate / 50)));
  return [...digits, ...detector.flush()];
}
const digitsOf = (pcm: Int16Array, rate = 8000) =>
  heard(pcm, rate)
    .map(({ digit }) => digit)
    .join("");

/** A key of which both tones are `percent` off their frequency, with `twistDb` more in the column. */
function badKey({
  digit,
  percent = 0,
  twistDb = 0,
  ms = 100,
}: {
  digit: string;
  percent?: number;
  twistDb?: number;
  ms?: number;
}) {
  const [row, column] = dtmfFrequencies(digit).map((hz) => hz * (1 + percent / 100)) as [number, number];
  const low = tones({ hz: [row], ms, rate: 8000, levelDbov: -20 - twistDb / 2 });
  const high = tones({ hz: [column], ms, rate: 8000, levelDbov: -20 + twistDb / 2 });
  return low.map((value, i) => value + (high[i] ?? 0));
}

describe("a caller whose phone sends keys as sound", () => {
  test.each(RATES)("is understood at %i Hz, every key, 40 ms long with 40 ms between", (rate) => {
    for (const shift of [0, 3, 7, 11]) {
      const parts = [...KEYS].flatMap((key) => [dtmfTone(key, { ms: 40, rate }), silence(40, rate)]);
      expect(digitsOf(join(silence(shift, rate), ...parts), rate)).toBe(KEYS);
    }
  });

  test("is understood after the way through the PBX, loud and soft", () => {
    for (const law of [ulaw, alaw]) {
      for (const levelDbov of [-6, -20, -35]) {
        const pcm = join(
          ...[..."159#"].flatMap((key) => [dtmfTone(key, { ms: 80, rate: 8000, levelDbov }), silence(80)]),
        );
        const bytes = new Uint8Array(pcm.length);
        law.encode(pcm, bytes);
        law.decode(bytes, pcm);
        expect(digitsOf(pcm)).toBe("159#");
      }
    }
  });

  test("is understood with noise on the line", () => {
    let seed = 7;
    const noise = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      return (seed / 2 ** 31) * 900;
    };
    const pcm = join(
      ...[...KEYS].flatMap((key) => [dtmfTone(key, { ms: 60, rate: 8000, levelDbov: -16 }), silence(60)]),
    );
    expect(digitsOf(pcm.map((value) => value + noise()))).toBe(KEYS);
  });

  test("presses a key as long as it takes, and once", () => {
    const [digit, ...more] = heard(join(silence(15), dtmfTone("5", { ms: 1000, rate: 8000 }), silence(100)));
    expect(more).toEqual([]);
    expect(digit?.digit).toBe("5");
    expect(Math.abs((digit?.durationMs ?? 0) - 1000)).toBeLessThanOrEqual(26);
  });

  test("presses the same key twice", () => {
    expect(
      digitsOf(
        join(dtmfTone("7", { ms: 60, rate: 8000 }), silence(45), dtmfTone("7", { ms: 60, rate: 8000 }), silence(50)),
      ),
    ).toBe("77");
  });

  test("a gap of 10 ms does not make two of one", () => {
    for (const before of [60, 64, 68]) {
      const pcm = join(
        dtmfTone("7", { ms: before, rate: 8000 }),
        silence(10),
        dtmfTone("7", { ms: 60, rate: 8000 }),
        silence(50),
      );
      expect(digitsOf(pcm)).toBe("7");
    }
  });

  test("a tone of 20 ms is no key", () => {
    for (let shift = 0; shift < 13; shift++) {
      expect(digitsOf(join(silence(shift), dtmfTone("3", { ms: 20, rate: 8000 }), silence(60)))).toBe("");
    }
  });

  test("tones 1.5 % off are a key, unequal ones too; far too unequal ones are none", () => {
    for (const digit of KEYS) {
      for (const percent of [-1.5, 1.5]) expect(digitsOf(join(badKey({ digit, percent }), silence(60)))).toBe(digit);
      for (const twistDb of [-7, 3]) expect(digitsOf(join(badKey({ digit, twistDb }), silence(60)))).toBe(digit);
      for (const twistDb of [-12, 8]) expect(digitsOf(join(badKey({ digit, twistDb }), silence(60)))).toBe("");
    }
  });

  test("one tone alone, a dial tone and a busy tone are no keys", () => {
    for (const hz of [[697], [1209], [350, 440], [425], [480, 620], [440, 480], [697, 770], [1000]]) {
      expect(digitsOf(tones({ hz, ms: 500, rate: 8000, levelDbov: -12 }))).toBe("");
    }
  });
});

test("a key that no telephone has is refused", () => {
  for (const digit of ["E", "", "12", " "])
    expect(() => dtmfTone(digit, { ms: 100, rate: 8000 })).toThrow("no key of a telephone");
});
