import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { alaw, type G711, ulaw } from "../../src/audio/g711.ts";

const encodeOne = (law: G711, sample: number): number => {
  const out = new Uint8Array(1);
  law.encode(Int16Array.of(sample), out);
  return out[0] ?? -1;
};
const decodeOne = (law: G711, byte: number): number => {
  const out = new Int16Array(1);
  law.decode(Uint8Array.of(byte), out);
  return out[0] ?? Number.NaN;
};

describe.each([
  { name: "µ-law", law: ulaw, negativeZero: 0x7f },
  { name: "A-law", law: alaw, negativeZero: undefined },
])("$name", ({ law, negativeZero }) => {
  test("every code survives a way through the PBX", () => {
    const changed = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => encodeOne(law, decodeOne(law, byte)) !== byte,
    );
    // µ-law has two zeros, and a sample cannot tell them apart.
    expect(changed).toEqual(negativeZero === undefined ? [] : [negativeZero]);
  });

  test("a louder sample never becomes quieter than a softer one", () => {
    let last = Number.NEGATIVE_INFINITY;
    for (let sample = -32768; sample < 32768; sample++) {
      const heard = decodeOne(law, encodeOne(law, sample));
      expect(heard).toBeGreaterThanOrEqual(last);
      last = heard;
    }
  });

  test("the error is that of a telephone line: below a 16th of the sample", () => {
    fc.assert(
      fc.property(fc.integer({ min: -32000, max: 32000 }), (sample) => {
        const heard = decodeOne(law, encodeOne(law, sample));
        return Math.abs(heard - sample) <= Math.max(16, Math.abs(sample) / 16);
      }),
    );
  });

  test("silence is what a sample of zero becomes", () => {
    expect(law.silence).toBe(encodeOne(law, 0));
  });

  test("a buffer that is too small is refused, not cut", () => {
    expect(() => law.encode(new Int16Array(160), new Uint8Array(159))).toThrow(RangeError);
    expect(() => law.decode(new Uint8Array(160), new Int16Array(159))).toThrow(RangeError);
  });

  test("a larger buffer is filled from its start", () => {
    const out = new Uint8Array(4).fill(7);
    expect(law.encode(Int16Array.of(0, 0), out)).toBe(2);
    expect([...out]).toEqual([law.silence, law.silence, 7, 7]);
  });
});

// From the tables of ITU-T G.711 and its reference software.
test("µ-law has the codes that every phone knows", () => {
  expect([0, -1, 32767, -32768, 1000, -1000].map((sample) => encodeOne(ulaw, sample))).toEqual([
    0xff, 0x7f, 0x80, 0x00, 0xce, 0x4e,
  ]);
  expect([0xff, 0x80, 0x00, 0xce, 0x4e].map((byte) => decodeOne(ulaw, byte))).toEqual([0, 32124, -32124, 988, -988]);
});

test("A-law has the codes that every phone knows", () => {
  expect([0, -1, 32767, -32768].map((sample) => encodeOne(alaw, sample))).toEqual([0xd5, 0x55, 0xaa, 0x2a]);
  expect([0xd5, 0x55, 0xaa, 0x2a].map((byte) => decodeOne(alaw, byte))).toEqual([8, -8, 32256, -32256]);
});
