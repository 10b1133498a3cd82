import { describe, expect, test } from "vitest";
import { pauseAfterMs, speakableParts } from "../../../src/providers/tts/pieces.ts";
import { shapeSpeech } from "../../../src/providers/tts/shape.ts";

const tone = ({ rate, hz, ms, amplitude }: { rate: number; hz: number; ms: number; amplitude: number }) =>
  Int16Array.from({ length: (rate * ms) / 1000 }, (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / rate));
const rms = (pcm: Int16Array) => Math.sqrt(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length);

describe("the shape of a spoken piece", () => {
  const spoken = new Int16Array(16_000);
  spoken.set(tone({ rate: 8000, hz: 300, ms: 500, amplitude: 20_000 }), 4000);

  test("it starts with sound and ends with the pause that was asked for", () => {
    const shaped = shapeSpeech(spoken, { rate: 8000, pauseMs: 100 });
    expect(shaped.length).toBe(4000 + 800);
    expect(rms(shaped.subarray(0, 160))).toBeGreaterThan(1000);
    expect(rms(shaped.subarray(4000))).toBe(0);
  });

  test.each([500, 5000, 32_000])("whatever its level (%i), it is brought to -20 dBov", (amplitude) => {
    const shaped = shapeSpeech(tone({ rate: 8000, hz: 300, ms: 500, amplitude }), { rate: 8000, pauseMs: 0 });
    expect(20 * Math.log10(rms(shaped) / 32_768)).toBeCloseTo(-20, 0);
  });

  test("a sharp peak is not clipped: then it stays a little softer", () => {
    const pcm = tone({ rate: 8000, hz: 300, ms: 500, amplitude: 500 });
    pcm[2000] = 20_000;
    const shaped = shapeSpeech(pcm, { rate: 8000, pauseMs: 0 });
    expect(Math.max(...shaped)).toBeLessThan(32_767 * 0.91);
  });

  test("silence stays silence", () => {
    expect(shapeSpeech(new Int16Array(8000), { rate: 8000, pauseMs: 50 })).toEqual(new Int16Array(400));
  });
});

describe("pieces of a reply", () => {
  test("long text is cut where the voice would breathe, and nothing of it is lost", () => {
    const sentence = "We are open from eight in the morning until six in the evening, and on Saturdays until noon. ";
    const parts = speakableParts(sentence.repeat(6));
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.every((part) => part.length <= 240 && part.endsWith("."))).toBe(true);
    expect(parts.join(" ")).toBe(sentence.repeat(6).trim());
  });

  test("text without a single space has an end too", () => {
    expect(speakableParts("a".repeat(10_000)).join("").length).toBe(4000);
  });

  test("the more a piece ends, the longer the pause behind it", () => {
    const [sentence, clause, words] = ["Yes.", "Yes,", "yes and"].map(pauseAfterMs);
    expect(sentence).toBeGreaterThan(clause ?? 0);
    expect(clause).toBeGreaterThan(words ?? 0);
  });
});
