import { afterAll, beforeAll, expect, test } from "vitest";
import { openaiSpeech } from "../../../src/providers/tts/openai-speech.ts";
import { FakeOpenAi } from "../../fakes/providers/openai-server.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context, piecesOf } from "../contract/context.ts";
import { PATIENT } from "../contract/llm-faults.ts";
import { describeTextToSpeech } from "../contract/tts.ts";
import { describeVoiceFaults } from "../contract/tts-faults.ts";

const create = ({ baseUrl }: FakeOpenAi, apiKey = "sk-right", more: object = {}) =>
  openaiSpeech.create(
    openaiSpeech.schema.parse({ model: "kokoro", baseUrl, apiKey, price: 50, ...PATIENT, ...more }),
    context,
  );

const shared = new FakeOpenAi();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeTextToSpeech("openai-speech", { create: () => create(shared), voice: "af_sky" });
describeVoiceFaults("openai-speech", { open: () => new FakeOpenAi(), create, voice: "af_sky" });

test("it is asked for PCM, which lasts as long at the call's rate", async () => {
  const tts = create(shared);
  const text = "Good day to you.";
  let samples = 0;
  const how = { voice: "", rate: 8000, language: "en", signal: new AbortController().signal } as const;
  for await (const { pcm } of tts.speak(piecesOf(text), how)) samples += pcm.length;
  expect(samples / 8).toBeCloseTo(text.length * CHARACTER_MS, -1);
  expect(shared.bodies.at(-1)).toEqual({ model: "kokoro", input: text, voice: "alloy", response_format: "pcm" });
  await tts.close();
});
