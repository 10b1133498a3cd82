import { afterAll, beforeAll, expect, test } from "vitest";
import type { SampleRate } from "../../../src/audio/frame.ts";
import type { TextToSpeech } from "../../../src/conversation/providers.ts";
import { wyomingVoice } from "../../../src/providers/tts/wyoming.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { FakeWyomingTts } from "../../fakes/providers/wyoming-tts.ts";
import { context, piecesOf, stalledAfter } from "../contract/context.ts";
import { PATIENT } from "../contract/llm-faults.ts";
import { describeTextToSpeech } from "../contract/tts.ts";
import { describeVoiceFaults } from "../contract/tts-faults.ts";

const VOICE = "en_GB-alba-medium";
const create = ({ port }: FakeWyomingTts, more: object = {}) =>
  wyomingVoice.create(wyomingVoice.schema.parse({ port, price: 50, ...PATIENT, ...more }), context);

const shared = new FakeWyomingTts();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeTextToSpeech("wyoming", { create: () => create(shared), voice: VOICE });
describeVoiceFaults("wyoming", {
  open: () => new FakeWyomingTts(),
  create: (server, _key, deadlines) => create(server, deadlines),
  voice: VOICE,
  // There is no HTTP in it, and no key.
  without: [401, 429, 500, 503],
  keyless: true,
});

async function withVoice(
  run: (server: FakeWyomingTts, tts: TextToSpeech) => Promise<void>,
  { more = {}, rate = 22_050 }: { more?: object; rate?: number } = {},
): Promise<void> {
  const server = await new FakeWyomingTts({ rate }).listen();
  const tts = create(server, more);
  try {
    await run(server, tts);
  } finally {
    await tts.close();
    await server.close();
  }
}

const how = (rate: SampleRate = 8000, voice = VOICE) => ({
  voice,
  rate,
  language: "de-AT",
  signal: new AbortController().signal,
});

async function say(tts: TextToSpeech, text: string, options = how()): Promise<number> {
  let samples = 0;
  for await (const { pcm } of tts.speak(piecesOf(text), options)) samples += pcm.length;
  return (samples * 1000) / options.rate;
}

test("a connection opened at ring serves reply after reply; the voice is asked for by its name, else by the language", () =>
  withVoice(
    async (server, tts) => {
      await tts.connect?.(how());
      expect(server.open).toBe(1);
      expect(await say(tts, "Good day.")).toBeCloseTo(9 * CHARACTER_MS, -2);
      expect(await say(tts, "How can I help?", how(16_000, ""))).toBeCloseTo(15 * CHARACTER_MS, -2);
      expect(server.connections).toBe(1);
      expect(server.requests).toEqual([
        { text: "Good day.", voice: { name: VOICE, speaker: "p239" } },
        { text: "How can I help?", voice: { language: "de-AT", speaker: "p239" } },
      ]);
    },
    { more: { speaker: "p239" } },
  ));

test("a voice with the call's own rate is heard as it is", () =>
  withVoice(async (_server, tts) => expect(await say(tts, "Good day.", how(16_000))).toBe(9 * CHARACTER_MS), {
    rate: 16_000,
  }));

test("who interrupts has the server stop: that connection is closed, and the next words come on another", () =>
  withVoice(async (server, tts) => {
    server.moods.set({ perSecond: 5 });
    const over = new AbortController();
    for await (const _ of tts.speak(stalledAfter("A long story of many words."), { ...how(), signal: over.signal }))
      over.abort();
    await expect.poll(() => server.open).toBe(0);
    server.moods.set({});
    expect(await say(tts, "Good day.")).toBeGreaterThan(500);
    expect(server.connections).toBe(2);
  }));

test("a server that closes after each answer costs no reply", () =>
  withVoice(async (server, tts) => {
    server.closes = true;
    for (let reply = 0; reply < 5; reply++) expect(await say(tts, "Good day.")).toBeGreaterThan(500);
  }));

test("text that leaves for another machine is told of", () => {
  const leaves = (host: string) => wyomingVoice.leavesHost(wyomingVoice.schema.parse({ host }));
  expect([leaves("127.0.0.1"), leaves("gpu.lan")]).toEqual([undefined, "gpu.lan"]);
});
