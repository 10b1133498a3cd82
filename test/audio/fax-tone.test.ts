import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { FaxTone } from "../../src/audio/fax-tone.ts";
import { ulaw } from "../../src/audio/g711.ts";
import { tones } from "../../src/audio/tone.ts";
import { readWav } from "../../src/audio/wav.ts";
import { createNoise } from "../../src/caller/noise.ts";

const RATES = [8000, 16_000] as const;

/** How many calling tones are heard in `pcm`, packet by packet. */
function heard(pcm: Int16Array, rate: number): number {
  const detector = new FaxTone(rate);
  let calls = 0;
  const packet = rate / 50;
  for (let at = 0; at + packet <= pcm.length; at += packet) if (detector.push(pcm.subarray(at, at + packet))) calls++;
  return calls;
}

function line(parts: readonly { hz?: number; ms: number; levelDbov?: number }[], rate: number): Int16Array {
  const pieces = parts.map(({ hz, ms, levelDbov = -15 }) =>
    hz === undefined ? new Int16Array((ms * rate) / 1000) : tones({ hz: [hz], ms, rate, levelDbov }),
  );
  const whole = new Int16Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const overTelephone = (pcm: Int16Array): Int16Array => {
  const bytes = new Uint8Array(pcm.length);
  const out = new Int16Array(pcm.length);
  ulaw.encode(pcm, bytes);
  ulaw.decode(bytes, out);
  return out;
};

describe.each(RATES)("at %s Hz", (rate) => {
  const call = (hz: number, onMs: number, levelDbov = -15) =>
    overTelephone(
      line([{ ms: 333 }, { hz, ms: onMs, levelDbov }, { ms: 3000 }, { hz, ms: onMs, levelDbov }, { ms: 200 }], rate),
    );

  test.each([
    [1100, 500],
    [1062, 500],
    [1138, 500],
    [1100, 425],
    [1100, 575],
  ])("a fax machine that calls with %s Hz for %s ms is heard, each time", (hz, onMs) => {
    expect(heard(call(hz, onMs), rate)).toBe(2);
  });

  test("a weak one is heard too, and one in noise", () => {
    expect(heard(call(1100, 500, -43), rate)).toBe(2);
    const noisy = call(1100, 500);
    createNoise({ kind: "pink", levelDbov: -30 }).addTo(noisy);
    expect(heard(noisy, rate)).toBe(2);
  });

  test.each([
    [1000, 500],
    [1209, 500],
    [1100, 300],
    [1100, 900],
  ])("%s Hz for %s ms is none", (hz, onMs) => {
    expect(heard(call(hz, onMs), rate)).toBe(0);
  });

  test("keys, ringing and noise are none", () => {
    const keys = line([{ ms: 100 }, { hz: 941, ms: 500 }, { hz: 440, ms: 500 }, { ms: 200 }], rate);
    expect(heard(keys, rate)).toBe(0);
    for (const kind of ["white", "pink", "babble"] as const) {
      const noise = new Int16Array(rate * 20);
      createNoise({ kind, levelDbov: -20 }).addTo(noise);
      expect(heard(noise, rate)).toBe(0);
    }
  });
});

// Real voices that say digits; the folder is not part of the product.
const DIGITS = resolve(import.meta.dirname, "../../../shared/data/digits");
const voices = (() => {
  try {
    return readdirSync(DIGITS).filter((name) => name.endsWith(".wav"));
  } catch (error) {
    if (process.env.CI === "true") throw error;
    return [];
  }
})();

test.skipIf(voices.length === 0)("nobody who speaks is taken for a fax machine", () => {
  for (const name of voices) {
    const { rate, channels } = readWav(readFileSync(join(DIGITS, name)));
    expect([name, heard(channels[0] ?? new Int16Array(), rate)]).toEqual([name, 0]);
  }
});
