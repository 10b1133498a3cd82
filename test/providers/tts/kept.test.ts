import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SampleRate } from "../../../src/audio/frame.ts";
import { Breaker } from "../../../src/base/breaker.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { LadderVoice } from "../../../src/conversation/ladder-voice.ts";
import { ProviderError, type TextToSpeech, type Usage, type WordTime } from "../../../src/conversation/providers.ts";
import { elevenlabs } from "../../../src/providers/tts/elevenlabs.ts";
import { FakeElevenLabs } from "../../fakes/providers/elevenlabs-server.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context, piecesOf } from "../contract/context.ts";
import { PATIENT } from "../contract/llm-faults.ts";

const GREETING = "Harbour Clinic, good day.";
const KEY = "sk-very-secret";

let server: FakeElevenLabs;
let folder: string;
const open: TextToSpeech[] = [];
beforeEach(async () => {
  server = await new FakeElevenLabs().listen();
  folder = await mkdtemp(join(tmpdir(), "sidetone-kept-"));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((tts) => tts.close()));
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function create(more: object = {}): TextToSpeech {
  const options = { apiKey: KEY, baseUrl: server.wsUrl, price: 50, voice: "anna", ...PATIENT, ...more };
  const tts = elevenlabs.create(elevenlabs.schema.parse(options), { ...context, cacheDir: folder });
  open.push(tts);
  return tts;
}

const how = (rate: SampleRate = 8000) => ({
  voice: "",
  rate,
  language: "en",
  signal: new AbortController().signal,
});

const laddered = (
  tts: TextToSpeech,
  breaker = new Breaker(systemClock, { failures: 1, retryMs: 50, retryMaxMs: 50 }),
) =>
  new LadderVoice({
    rungs: [{ name: "eleven", provider: tts, breaker }],
    limits: { firstMs: 800, stallMs: 500, hedgeMs: 0 },
    clock: systemClock,
    onStep: () => {},
  });

/** One reply, as a call hears it. */
async function hear(tts: TextToSpeech, text: string, rate: SampleRate = 8000) {
  const [words, usages]: [WordTime[], Usage[]] = [[], []];
  let samples = 0;
  const options = {
    ...how(rate),
    onWords: (times: readonly WordTime[]) => void words.push(...times),
    onUsage: (usage: Usage) => void usages.push(usage),
  };
  for await (const { pcm } of tts.speak(piecesOf(text), options)) samples += pcm.length;
  return { ms: (samples * 1000) / rate, words, billed: usages.length };
}

test("a greeting that was prepared is heard without asking anybody, and billed to no call", async () => {
  const tts = create();
  await tts.prepare?.([GREETING], how());
  expect(server.contexts).toBe(1);
  const voice = laddered(tts);
  for (let call = 0; call < 3; call++) {
    const { ms, words, billed } = await hear(voice, GREETING);
    expect(ms).toBe(GREETING.length * CHARACTER_MS);
    expect(words.map(({ text }) => text).join("")).toBe(GREETING);
    expect(billed).toBe(0);
  }
  expect(server.contexts).toBe(1);
  await hear(voice, "We are open until six.");
  expect(server.contexts).toBe(2);
});

test("it is heard although the provider is down, and makes nobody believe that it is back", async () => {
  const tts = create();
  await tts.prepare?.([GREETING], how());
  const breaker = new Breaker(systemClock, { failures: 1, retryMs: 60_000, retryMaxMs: 60_000 });
  const voice = laddered(tts, breaker);
  server.cut();
  server.moods.set({ fault: 503 });
  await expect(hear(voice, "We are open until six.")).rejects.toBeInstanceOf(ProviderError);
  expect((await hear(voice, GREETING)).ms).toBe(GREETING.length * CHARACTER_MS);
  expect(breaker.state).toBe("open");
});

test("its first frame comes in the same turn of the event loop", async () => {
  const tts = create();
  await tts.prepare?.([GREETING], how());
  server.moods.set({ firstMs: 5_000 });
  let turns = 0;
  const count = setInterval(() => turns++, 0);
  const frames = laddered(tts).speak(piecesOf(GREETING), how())[Symbol.asyncIterator]();
  const first = await frames.next();
  clearInterval(count);
  expect(first.done).toBe(false);
  expect(turns).toBe(0);
});

test("after a restart it is on disk, with the times of its words; another rate, voice, language or model is another sound", async () => {
  await create().prepare?.([GREETING], how());
  const again = create();
  await again.prepare?.([GREETING], how());
  expect(server.contexts).toBe(1);
  const { ms, words } = await hear(laddered(again), GREETING);
  expect(ms).toBe(GREETING.length * CHARACTER_MS);
  expect(words).toHaveLength(GREETING.length);
  expect(again.kept?.(GREETING, how(16_000))).toBeUndefined();
  expect(again.kept?.(GREETING, { ...how(), voice: "bert" })).toBeUndefined();
  expect(again.kept?.(GREETING, { ...how(), language: "de" })).toBeUndefined();
  await create({ model: "eleven_other_v9" }).prepare?.([GREETING], how());
  expect(server.contexts).toBe(2);
});

test("a rotated key asks for nothing again, and no file shows the key or the words", async () => {
  await create().prepare?.([GREETING], how());
  await create({ apiKey: "sk-rotated" }).prepare?.([GREETING], how());
  expect(server.contexts).toBe(1);
  const names = await readdir(join(folder, "voices"));
  const whole = (await Promise.all(names.map((name) => readFile(join(folder, "voices", name), "latin1")))).join();
  expect(`${names} ${whole}`).not.toContain(KEY);
});

test("a damaged file is spoken anew", async () => {
  await create().prepare?.([GREETING], how());
  const [name = ""] = await readdir(join(folder, "voices"));
  for (const bytes of [
    [255, 127, 255, 127],
    [2, 0, 0, 0, 65, 0, 66, 0, 1, 0],
    [8, 0],
  ]) {
    await writeFile(join(folder, "voices", name), Uint8Array.from(bytes));
    const tts = create();
    await tts.prepare?.([GREETING], how());
    expect((await hear(laddered(tts), GREETING)).ms).toBe(GREETING.length * CHARACTER_MS);
  }
  expect(server.contexts).toBe(4);
});

test("what could not be prepared because the provider was down is kept by the first call that hears it whole", async () => {
  const tts = create();
  server.moods.set({ fault: 503 });
  await expect(tts.prepare?.([GREETING], how())).rejects.toMatchObject({ code: "overloaded" });
  server.moods.set({});
  expect((await hear(tts, GREETING)).billed).toBe(1);
  expect(tts.kept?.(GREETING, how())?.words).toHaveLength(GREETING.length);
});

test("a greeting that a caller cut short, or that broke in the middle, is not kept as if it were whole", async () => {
  const tts = create();
  server.moods.set({ fault: "close" });
  await expect(tts.prepare?.([GREETING], how())).rejects.toMatchObject({ code: "unreachable" });
  server.moods.set({});
  const over = new AbortController();
  for await (const _ of tts.speak(piecesOf(GREETING), { ...how(), signal: over.signal })) over.abort();
  for await (const _ of tts.speak(piecesOf(GREETING), how())) break;
  expect(tts.kept?.(GREETING, how())).toBeUndefined();
});

test("a reply is never kept: it may be personal", async () => {
  const tts = create();
  await tts.prepare?.([GREETING], how());
  await hear(tts, "Your result is negative.");
  expect(tts.kept?.("Your result is negative.", how())).toBeUndefined();
  expect(await readdir(join(folder, "voices"))).toHaveLength(1);
});

test("two agents with the same greeting have it spoken once", async () => {
  const tts = create();
  await Promise.all([tts.prepare?.([GREETING], how()), tts.prepare?.([GREETING], how())]);
  expect(server.contexts).toBe(1);
});
