import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SampleRate } from "../../../src/audio/frame.ts";
import type { TextToSpeech } from "../../../src/conversation/providers.ts";
import { aura } from "../../../src/providers/tts/aura.ts";
import { FakeAura } from "../../fakes/providers/aura-server.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context, piecesOf, stalledAfter } from "../contract/context.ts";
import { PATIENT } from "../contract/llm-faults.ts";
import { describeTextToSpeech } from "../contract/tts.ts";
import { describeVoiceFaults } from "../contract/tts-faults.ts";

const VOICE = "aura-2-luna-en";
const create = ({ wsUrl }: FakeAura, apiKey = "sk-right", more: object = {}) =>
  aura.create(aura.schema.parse({ apiKey, url: wsUrl, price: 50, ...PATIENT, ...more }), context);

const shared = new FakeAura();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeTextToSpeech("aura", { create: () => create(shared), voice: VOICE });
describeVoiceFaults("aura", { open: () => new FakeAura(), create, voice: VOICE });

describe("Aura's connections", () => {
  let server: FakeAura;
  let tts: TextToSpeech;
  beforeEach(async () => {
    server = await new FakeAura().listen();
    tts = create(server);
  });
  afterEach(async () => {
    await tts.close();
    await server.close();
  });
  const how = (rate: SampleRate = 8000, signal = new AbortController().signal) => ({
    voice: VOICE,
    rate,
    language: "en",
    signal,
  });
  const say = async (text: string, options = how()): Promise<number> => {
    let samples = 0;
    for await (const { pcm } of tts.speak(piecesOf(text), options)) samples += pcm.length;
    return (samples * 1000) / options.rate;
  };
  const typesSaid = () => server.said.map((message) => (message as { type: string }).type);

  test("what was opened at ring serves reply after reply, in the call's own rate, with nothing cut off", async () => {
    await tts.connect?.(how());
    expect(server.handshakes).toHaveLength(1);
    for (const text of ["Good day.", "How can I help you?", "One moment."])
      expect(await say(text)).toBe(text.length * CHARACTER_MS);
    expect(server.handshakes).toHaveLength(1);
    const { headers, query } = server.handshakes[0] ?? {};
    expect(headers?.authorization).toBe("Token sk-right");
    expect(Object.fromEntries(query ?? [])).toMatchObject({ model: VOICE, encoding: "linear16", sample_rate: "8000" });
    expect(query?.toString()).not.toContain("sk-");
  });

  test("as µ-law, and at 16 kHz, the same is heard", async () => {
    await tts.close();
    tts = create(server, "sk-right", { coding: "mulaw" });
    expect(await say("Good day.")).toBe(9 * CHARACTER_MS);
    expect(await say("Good day.", how(16_000))).toBe(9 * CHARACTER_MS);
    expect(server.handshakes.map(({ query }) => `${query.get("encoding")} ${query.get("sample_rate")}`)).toEqual([
      "mulaw 8000",
      "linear16 16000",
    ]);
  });

  test.each([false, true])(
    "who interrupts clears the connection, and the next reply on it is whole (late answers: %s)",
    async (late) => {
      server.lateFlushed = late;
      server.moods.set({ perSecond: 5 });
      const over = new AbortController();
      for await (const _ of tts.speak(stalledAfter("This is a long story of many words."), how(8000, over.signal)))
        over.abort();
      await expect.poll(typesSaid).toContain("Clear");
      server.moods.set({});
      // What was cleared is answered before the connection is anybody else's.
      await expect.poll(async () => say("Good day.")).toBe(9 * CHARACTER_MS);
      expect(await say("How can I help you?")).toBe(19 * CHARACTER_MS);
    },
  );

  test("two callers at once have a connection each; a caller too many is told so", async () => {
    await tts.close();
    tts = create(server, "sk-right", { connections: 2 });
    server.moods.set({ perSecond: 20 });
    const three = [say("Good morning to you."), say("Good evening to you."), say("Good night.")];
    const [first, second, third] = await Promise.allSettled(three);
    expect([first?.status, second?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(third).toMatchObject({ status: "rejected", reason: { code: "overloaded" } });
    expect(server.handshakes).toHaveLength(2);
  });

  test("a connection is left before the vendor's limit of flushes a minute is reached", async () => {
    for (let piece = 0; piece < 20; piece++) await say("Yes.");
    expect(server.handshakes).toHaveLength(2);
  });

  test("what is no voice's name never becomes part of an address", async () => {
    const odd = { ...how(), voice: "aura&tag=x" };
    await expect(say("Good day.", odd)).rejects.toMatchObject({ code: "refused" });
    expect(server.handshakes).toHaveLength(0);
  });
});
