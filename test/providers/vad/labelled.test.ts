import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { loadFvad } from "../../../src/providers/vad/fvad-library.ts";
import { SileroModel } from "../../../src/providers/vad/silero-model.ts";
import { SileroNet } from "../../../src/providers/vad/silero-net.ts";
import { readSileroWeights } from "../../../src/providers/vad/silero-weights.ts";

// Recordings of people and of noise, which are not part of the repository. Under CI they must be there.
const data = resolve(import.meta.dirname, "../../../../shared/data");
const present = existsSync(data) || process.env.CI === "true";
const samplesOf = (file: string) =>
  new Int16Array(Uint8Array.from(readFileSync(resolve(data, file)).subarray(44)).buffer);

interface Labels {
  readonly [example: string]: {
    readonly wav: { readonly start: number; readonly stop: number };
    readonly speech: string;
  };
}

/** Which 32 ms windows at 16 kHz are speech by the label; a window on a label's edge is neither. */
function labelledWindows(file: string, labels: string): { pcm: Int16Array; speech: (boolean | undefined)[] } {
  const pcm = samplesOf(file);
  const spans: [number, number][] = [];
  for (const { wav, speech } of Object.values(JSON.parse(readFileSync(resolve(data, labels), "utf8")) as Labels)) {
    const numbers = speech.split(" ").filter(Boolean).map(Number);
    for (let i = 0; i + 1 < numbers.length; i += 2) {
      spans.push([wav.start + (numbers[i] ?? 0) * 16_000, wav.start + (numbers[i + 1] ?? 0) * 16_000]);
    }
  }
  const end = Math.max(
    ...Object.values(JSON.parse(readFileSync(resolve(data, labels), "utf8")) as Labels).map(({ wav }) => wav.stop),
  );
  const speech = Array.from({ length: Math.floor(Math.min(end, pcm.length) / 512) }, (_, i) => {
    const [from, to] = [i * 512, i * 512 + 512];
    if (spans.some(([start, stop]) => start <= from && to <= stop)) return true;
    return spans.some(([start, stop]) => from < stop && start < to) ? undefined : false;
  });
  return { pcm, speech };
}

function rates(said: readonly boolean[], truth: readonly (boolean | undefined)[]) {
  const share = (of: boolean) => {
    const windows = truth.flatMap((label, i) => (label === of ? [said[i] === true] : []));
    return windows.filter(Boolean).length / windows.length;
  };
  return { hit: share(true), falseAlarm: share(false) };
}

describe.runIf(present)("on labelled recordings", () => {
  test("Silero finds the speech, and little else", () => {
    for (const [file, labels] of [
      ["vad-labelled/train.wav", "vad-labelled/VAD_train.json"],
      ["vad-labelled/valid.wav", "vad-labelled/VAD_dev.json"],
    ] as const) {
      const { pcm, speech } = labelledWindows(file, labels);
      const net = new SileroNet(new SileroModel(readSileroWeights()[16_000]));
      const said = speech.map((_, i) => net.next(pcm, i * 512) >= 0.4);
      const { hit, falseAlarm } = rates(said, speech);
      expect(hit).toBeGreaterThan(0.9);
      expect(falseAlarm).toBeLessThan(0.15);
    }
  });

  test("street and room noise, which fvad takes for voice, is none to Silero", () => {
    const fvad = loadFvad().open({ rate: 16_000, mode: 3 });
    const net = new SileroNet(new SileroModel(readSileroWeights()[16_000]));
    let [voiced, frames, speech, windows] = [0, 0, 0, 0];
    for (const file of ["noise/noise2.wav", "noise/noise3.wav", "noise/noise5.wav"]) {
      const pcm = samplesOf(file);
      for (let at = 0; at + 320 <= pcm.length; at += 320, frames++)
        voiced += fvad.voiced(pcm.subarray(at, at + 320)) ? 1 : 0;
      for (let at = 0; at + 512 <= pcm.length; at += 512, windows++) speech += net.next(pcm, at) >= 0.4 ? 1 : 0;
    }
    expect(voiced / frames).toBeGreaterThan(0.2);
    expect(speech / windows).toBeLessThan(0.05);
  });
});
