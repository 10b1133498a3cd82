import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readWav, type Wav, wavHeader, writeWav } from "../../src/audio/wav.ts";

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};

const mono: Wav = { rate: 8000, channels: [Int16Array.of(1, -2, 3, 32767, -32768)] };

describe("a WAV file", () => {
  test("comes back as it was written, mono and stereo", () => {
    const sample = fc.integer({ min: -32768, max: 32767 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(sample, sample), { minLength: 1 }),
        fc.constantFrom(8000, 16000, 24000, 44100, 48000),
        fc.boolean(),
        (pairs, rate, stereo) => {
          const left = Int16Array.from(pairs, ([a]) => a);
          const right = Int16Array.from(pairs, ([, b]) => b);
          const wav = { rate, channels: stereo ? [left, right] : [left] };
          expect(readWav(writeWav(wav))).toEqual(wav);
        },
      ),
    );
  });

  test("is read from the middle of a larger buffer, at an odd place too", () => {
    const file = writeWav(mono);
    const larger = new Uint8Array(file.length + 3);
    larger.set(file, 3);
    expect(readWav(larger.subarray(3))).toEqual(mono);
  });

  test("may have other chunks before its sound, of odd length too", () => {
    const file = writeWav(mono);
    const note = Buffer.from("LIST\x03\x00\x00\x00abc\x00", "latin1");
    expect(readWav(Buffer.concat([file.subarray(0, 36), note, file.subarray(36)]))).toEqual(mono);
  });

  test("that a killed recorder left without a length is read to its end", () => {
    const samples = writeWav(mono).subarray(44);
    for (const dataBytes of [0, 0xffff_ffff]) {
      expect(readWav(Buffer.concat([wavHeader({ rate: 8000, channels: 1, dataBytes }), samples]))).toEqual(mono);
    }
  });

  test("that is none, is cut short, or is of another kind is refused with what was found", () => {
    const file = writeWav(mono);
    const other = (at: number, value: number) => {
      const copy = file.slice();
      new DataView(copy.buffer).setUint16(at, value, true);
      return copy;
    };
    expect(codeOf(() => readWav(Buffer.from("ID3 not a wav file at all, but a song")))).toBe("notWav");
    expect(codeOf(() => readWav(new Uint8Array(0)))).toBe("notWav");
    expect(codeOf(() => readWav(file.subarray(0, file.length - 2)))).toBe("truncated");
    expect(codeOf(() => readWav(file.subarray(0, 36)))).toBe("truncated");
    expect(codeOf(() => readWav(file.subarray(0, 20)))).toBe("truncated");
    expect(codeOf(() => readWav(other(20, 7)))).toBe("unsupported");
    expect(codeOf(() => readWav(other(22, 6)))).toBe("unsupported");
    expect(() => readWav(other(34, 24))).toThrow("24-bit sound of format 1; 16-bit PCM (format 1) is needed");
    expect(codeOf(() => readWav(writeWav({ rate: 8000, channels: [new Int16Array(16001)] }), { maxSeconds: 2 }))).toBe(
      "tooLong",
    );
  });

  test("of random bytes never does more than be refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        const file = writeWav(mono);
        file.set(noise.subarray(0, file.length - 12), 12);
        return ["none", "notWav", "unsupported", "truncated", "tooLong"].includes(codeOf(() => readWav(file)));
      }),
    );
  });
});
