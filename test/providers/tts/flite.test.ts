import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { TextToSpeech } from "../../../src/conversation/providers.ts";
import { FLITE_VOICES, flite } from "../../../src/providers/tts/flite.ts";
import { FliteJobs } from "../../../src/providers/tts/flite-jobs.ts";
import { context, piecesOf } from "../contract/context.ts";
import { describeTextToSpeech } from "../contract/tts.ts";

const create = (cacheDir?: string) =>
  flite.create(flite.schema.parse({}), cacheDir === undefined ? context : { ...context, cacheDir });
const english = { rate: 8000, language: "en", signal: new AbortController().signal } as const;

describeTextToSpeech("flite", { create: () => create(), voice: "slt" });

async function said(tts: TextToSpeech, text: string, voice = "slt"): Promise<Int16Array> {
  const samples: number[] = [];
  for await (const { pcm } of tts.speak(piecesOf(text), { ...english, voice })) samples.push(...pcm);
  return Int16Array.from(samples);
}

const dbov = (pcm: Int16Array): number =>
  10 * Math.log10(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length / 2 ** 30);

describe("flite's voices", () => {
  let tts: TextToSpeech;
  beforeEach(() => {
    tts = create();
  });
  afterEach(() => tts.close());

  test.each(FLITE_VOICES)("%s is heard from the first frame, and as loud as the others", async (voice) => {
    const pcm = await said(tts, "Yes, we are open until six.", voice);
    expect(dbov(pcm.subarray(0, 400))).toBeGreaterThan(-60);
    expect(dbov(pcm)).toBeGreaterThan(-25);
    expect(dbov(pcm)).toBeLessThan(-18);
  });

  test("an agent that names no voice has the configured one, and one that does not exist is refused by name", async () => {
    expect(await said(tts, "Hello.", "")).toEqual(await said(tts, "Hello.", "slt"));
    await expect(said(tts, "Hello.", "brian")).rejects.toThrow(/"brian"; there are slt, rms, awb, kal/);
  });

  test("what a model writes cannot be taken for an option or end the text", async () => {
    const plain = await said(tts, "Hello there.");
    expect(await said(tts, "Hello\0 there.")).toEqual(plain);
    expect((await said(tts, "-voice kal -o /etc/passwd")).length).toBeGreaterThan(8000);
  });

  test("the same greeting for many callers at once is the same sound, and a caller who hangs up does not take it from the others", async () => {
    const over = new AbortController();
    const leaving = (async () => {
      for await (const _ of tts.speak(piecesOf("Welcome to the city clinic."), {
        ...english,
        voice: "slt",
        signal: over.signal,
      }));
    })();
    const staying = [said(tts, "Welcome to the city clinic."), said(tts, "Welcome to the city clinic.")];
    over.abort();
    await leaving;
    const [first, second] = await Promise.all(staying);
    expect(first?.length).toBeGreaterThan(8000);
    expect(second).toEqual(first);
  });

  test("closed in mid-sentence, it says so and leaves no process behind", async () => {
    const speaking = said(tts, "This sentence will not be finished, because the service is being stopped.");
    const outcome = expect(speaking).rejects.toThrow(/closed/);
    await tts.close();
    await outcome;
    await tts.close();
  });
});

describe("greetings on disk", () => {
  let cacheDir: string;
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "sidetone-speech-"));
  });
  afterEach(() => rm(cacheDir, { recursive: true, force: true }));

  test("a greeting is kept over a restart, and what is said to a caller is not", async () => {
    const before = create(cacheDir);
    await before.prepare?.(["Welcome to the clinic."], { ...english, voice: "slt" });
    const greeting = await said(before, "Welcome to the clinic.");
    await said(before, "Your result is positive.");
    await before.close();
    const files = await readdir(join(cacheDir, "speech"));
    expect(files).toHaveLength(1);
    // Another sound in its place proves that the next start takes it from there.
    const marked = new Int16Array(greeting.length).fill(1234);
    await writeFile(join(cacheDir, "speech", files[0] ?? ""), new Uint8Array(marked.buffer));
    const after = create(cacheDir);
    await after.prepare?.(["Welcome to the clinic."], { ...english, voice: "slt" });
    expect(await said(after, "Welcome to the clinic.")).toEqual(marked);
    await after.close();
  });

  test("a folder that cannot be written to costs no call", async () => {
    await writeFile(join(cacheDir, "speech"), "in the way");
    const tts = create(cacheDir);
    await tts.prepare?.(["Welcome."], { ...english, voice: "slt" });
    expect((await said(tts, "Welcome.")).length).toBeGreaterThan(1000);
    await tts.close();
  });
});

describe("flite's processes", () => {
  const script = new URL("./fixtures/dying-worker", import.meta.url);
  const work = (text: string) => ({ text, voice: "slt", speed: 1, rate: 8000, pauseMs: 0 }) as const;
  let folder: string;
  let jobs: FliteJobs;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sidetone-flite-"));
    jobs = new FliteJobs({ threads: 1, clock: systemClock, log: silentLog, script });
  });
  afterEach(async () => {
    await jobs.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("a process that dies costs no word: the piece is tried again by the next one", async () => {
    const pcm = await jobs.speak(work(`die once ${join(folder, "died")}`), new AbortController().signal);
    expect(pcm).toHaveLength(160);
  });

  test("a piece that kills every process is given up after the second, and the piece behind it is spoken", async () => {
    const signal = new AbortController().signal;
    const deadly = jobs.speak(work("die always"), signal);
    const behind = jobs.speak(work("fine"), signal);
    await expect(deadly).rejects.toMatchObject({ code: "unreachable" });
    expect(await behind).toHaveLength(160);
  });

  test("what was asked for a caller who is gone is dropped before it is spoken", async () => {
    const over = new AbortController();
    const first = jobs.speak(work("fine"), new AbortController().signal);
    const dropped = jobs.speak(work("die always"), over.signal);
    over.abort();
    await expect(dropped).rejects.toBe(over.signal.reason);
    await first;
    expect(await jobs.speak(work("fine"), new AbortController().signal)).toHaveLength(160);
  });

  test("a flood of text is refused instead of queued without end", async () => {
    const signal = new AbortController().signal;
    const asked = Array.from({ length: 300 }, () => jobs.speak(work("fine"), signal));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBe(300 - 201);
    expect(refused[0]?.reason).toMatchObject({ code: "overloaded" });
  });
});
