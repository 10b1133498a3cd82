import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SampleRate } from "../../../src/audio/frame.ts";
import type { TextToSpeech, WordTime } from "../../../src/conversation/providers.ts";
import { elevenlabs } from "../../../src/providers/tts/elevenlabs.ts";
import { FakeElevenLabs } from "../../fakes/providers/elevenlabs-server.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context, piecesOf, stalledAfter } from "../contract/context.ts";
import { PATIENT } from "../contract/llm-faults.ts";
import { describeTextToSpeech } from "../contract/tts.ts";
import { describeVoiceFaults } from "../contract/tts-faults.ts";

const VOICE = "21m00Tcm4TlvDq8ikWAM";
const create = ({ wsUrl }: FakeElevenLabs, apiKey = "sk-right", more: object = {}) =>
  elevenlabs.create(elevenlabs.schema.parse({ apiKey, baseUrl: wsUrl, price: 50, ...PATIENT, ...more }), context);

const shared = new FakeElevenLabs();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeTextToSpeech("elevenlabs", { create: () => create(shared), voice: VOICE });
describeVoiceFaults("elevenlabs", { open: () => new FakeElevenLabs(), create, voice: VOICE });

describe("ElevenLabs' connections", () => {
  let server: FakeElevenLabs;
  let tts: TextToSpeech;
  beforeEach(async () => {
    server = await new FakeElevenLabs().listen();
    tts = create(server);
    return async () => {
      await tts.close();
      await server.close();
    };
  });
  const how = (rate: SampleRate = 8000) => ({
    voice: VOICE,
    rate,
    language: "en-GB",
    signal: new AbortController().signal,
  });
  const say = async (text: string, options = how()): Promise<number> => {
    let samples = 0;
    for await (const { pcm } of tts.speak(piecesOf(text), options)) samples += pcm.length;
    return (samples * 1000) / options.rate;
  };

  test("what was opened at ring serves the first words, and those of all calls after it", async () => {
    await tts.connect?.(how());
    expect(server.open).toBe(1);
    await say("Good day.");
    await Promise.all([say("How can I help?"), say("One moment.")]);
    expect(server.handshakes.length).toBe(1);
    expect(server.contexts).toBe(3);
  });

  test("the key is in a header, and the voice is asked for the call's own rate", async () => {
    await say("Good day.");
    await say("Good day.", how(16_000));
    expect(server.handshakes.map(({ headers, path }) => [headers["xi-api-key"], path])).toEqual([
      ["sk-right", `/v1/text-to-speech/${VOICE}/multi-stream-input`],
      ["sk-right", `/v1/text-to-speech/${VOICE}/multi-stream-input`],
    ]);
    expect(server.handshakes.map(({ query }) => query.get("output_format"))).toEqual(["pcm_8000", "pcm_16000"]);
    expect(server.handshakes[0]?.query.get("language_code")).toBe("en");
    expect(server.handshakes.some(({ query }) => query.toString().includes("sk-"))).toBe(false);
  });

  test("as µ-law the same is heard; at 48 kHz it is resampled", async () => {
    const text = "Good day to you.";
    tts = create(server, "sk-right", { coding: "mulaw" });
    expect(await say(text)).toBe(text.length * CHARACTER_MS);
    expect(server.handshakes[0]?.query.get("output_format")).toBe("ulaw_8000");
    expect(await say(text, how(48_000))).toBeCloseTo(text.length * CHARACTER_MS, -1);
  });

  test("it says when each word sounds", async () => {
    const words: WordTime[] = [];
    const options = { ...how(), onWords: (times: readonly WordTime[]) => void words.push(...times) };
    for await (const _ of tts.speak(piecesOf("Good day, how are you?"), options));
    expect(words.map(({ text }) => text).join("")).toBe("Good day, how are you?");
    expect(words.map(({ startMs }) => startMs)).toEqual([...words.keys()].map((index) => index * CHARACTER_MS));
  });

  test("a caller who interrupts again and again does not use up the vendor's five contexts", async () => {
    server.moods.set({ perSecond: 1 });
    for (let times = 0; times < 12; times += 1) {
      const over = new AbortController();
      for await (const _ of tts.speak(stalledAfter("This is a longer sentence."), { ...how(), signal: over.signal }))
        break;
      over.abort();
    }
    server.moods.set({});
    expect(await say("Now listen.")).toBe("Now listen.".length * CHARACTER_MS);
    expect(server.said.filter((message) => (message as { close_context?: boolean }).close_context).length).toBe(13);
  });

  test("a connection that broke while nobody spoke is replaced", async () => {
    await say("Good day.");
    server.cut();
    // As long as the news has not arrived, the old one is still asked.
    const again = () => say("Good day.").catch(() => 0);
    await expect.poll(again).toBe("Good day.".length * CHARACTER_MS);
    expect(server.handshakes.length).toBe(2);
  });

  test("more replies at once than there are connections are refused as overload, not queued", async () => {
    tts = create(server, "sk-right", { connections: 1 });
    server.moods.set({ fault: "stall" });
    const over = new AbortController();
    const five = Array.from({ length: 5 }, () => say("A sentence.", { ...how(), signal: over.signal }));
    await expect(say("One too many.")).rejects.toMatchObject({ code: "overloaded" });
    over.abort();
    await Promise.all(five);
  });

  test("an agent without a voice is told so", async () => {
    await expect(say("Hello.", { ...how(), voice: "" })).rejects.toMatchObject({ code: "refused" });
  });
});
