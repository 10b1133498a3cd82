import { afterEach, describe, expect, test, vi } from "vitest";
import { Breaker } from "../../src/base/breaker.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Rung } from "../../src/conversation/ladder.ts";
import { LadderEar } from "../../src/conversation/ladder-ear.ts";
import { LadderModel } from "../../src/conversation/ladder-model.ts";
import { LadderVoice } from "../../src/conversation/ladder-voice.ts";
import type { Hearing, LanguageModel, SpeechToText, TextToSpeech } from "../../src/conversation/providers.ts";
import { openai } from "../../src/providers/llm/openai.ts";
import { deepgram } from "../../src/providers/stt/deepgram.ts";
import { elevenlabs } from "../../src/providers/tts/elevenlabs.ts";
import type { Fault as Mood } from "../fakes/providers/behaviour.ts";
import { FakeDeepgram } from "../fakes/providers/deepgram.ts";
import { FakeElevenLabs } from "../fakes/providers/elevenlabs-server.ts";
import { type ChatBody, FakeOpenAi } from "../fakes/providers/openai-server.ts";
import type { Fault } from "../fakes/providers/server.ts";
import { spokenWords } from "../fakes/providers/spoken-words.ts";
import { CHARACTER_MS } from "../fakes/providers/voice-sound.ts";
import { context } from "../providers/contract/context.ts";
import { push } from "../providers/contract/stt-faults.ts";
import { Steps } from "./support.ts";

// What runs in production: the vendors' own libraries and our adapters, over the wire, to servers that speak the real protocols.
const clock = systemClock;
// A machine that is busy with something else must not look like a provider that fails.
vi.setConfig({ testTimeout: 120_000 });
const PATIENT = { connectMs: 10_000, firstMs: 10_000, stallMs: 10_000 };
const limits = { firstMs: 1_000, stallMs: 800, hedgeMs: 0 };
const MOODS: readonly Mood[] = ["refuse", 401, 429, 500, "silent", "stall", "garbage", "empty", "close"];

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
const kept = <T extends { close(): Promise<unknown> }>(one: T): T => {
  open.push(one);
  return one;
};

const rung = <P>(name: string, provider: P): Rung<P> => ({
  name,
  provider,
  breaker: new Breaker(clock, { failures: 2, retryMs: 50, retryMaxMs: 100 }),
});

describe.each(MOODS)("a model elsewhere: %s", (fault) => {
  const ANSWER = "We are open from eight to six, Monday to Friday. On Saturday we close at one.";
  const goOn = ({ messages }: ChatBody): string => {
    const last = messages.at(-1)?.content ?? "";
    return last.startsWith("(") ? ANSWER.slice((messages.at(-2)?.content ?? "").length).trim() : ANSWER;
  };

  test("the caller is answered whole, and the first one is back when it is well", async () => {
    const servers = [kept(await new FakeOpenAi().listen()), kept(await new FakeOpenAi().listen())] as const;
    const rungs: Rung<LanguageModel>[] = servers.map((server, index) => {
      server.answer = (body) => ({ text: goOn(body) });
      const settings = openai.schema.parse({
        model: "a-model",
        baseUrl: server.baseUrl,
        apiKey: "sk-right",
        ...PATIENT,
      });
      return rung(["cloud", "local"][index] ?? "", kept(openai.create(settings, context)));
    });
    const steps = new Steps();
    const model = new LadderModel({ rungs, clock, limits, onStep: steps.onStep });
    const ask = async (): Promise<string> => {
      let text = "";
      const options = { tools: [], signal: new AbortController().signal };
      for await (const part of model.reply([{ role: "user", content: "When are you open?" }], options))
        if (part.type === "text") text += part.text;
      return text.trim();
    };
    servers[0].moods.set({ fault });
    expect(await ask()).toBe(ANSWER);
    expect(await ask()).toBe(ANSWER);
    servers[0].moods.set({});
    await expect
      .poll(async () => [await ask(), steps.told.at(-1)], { timeout: 40_000 })
      .toEqual([ANSWER, "llm cloud back"]);
  });
});

describe.each(MOODS)("a voice elsewhere: %s", (fault) => {
  const SENTENCE = "Monday to Friday, and the laboratory takes its last samples an hour before we close.";

  test("the caller hears the sentence once, whole, and the first one is back when it is well", async () => {
    const servers = [kept(await new FakeElevenLabs().listen()), kept(await new FakeElevenLabs().listen())] as const;
    const rungs: Rung<TextToSpeech>[] = servers.map((server, index) => {
      const settings = elevenlabs.schema.parse({
        apiKey: "sk-right",
        baseUrl: server.wsUrl,
        voice: "anna",
        ...PATIENT,
      });
      return rung(["cloud", "local"][index] ?? "", kept(elevenlabs.create(settings, context)));
    });
    const steps = new Steps();
    const voice = new LadderVoice({ rungs, clock, limits, onStep: steps.onStep });
    const speak = async (): Promise<number> => {
      let samples = 0;
      const options = { voice: "anna", rate: 8000, language: "en", signal: new AbortController().signal } as const;
      for await (const { pcm } of voice.speak(only(SENTENCE), options)) samples += pcm.length;
      return samples / 8;
    };
    // This voice takes as long for every character: a word too many or too few would be seen. Where it died, a blank may be missing.
    const wholeMs = SENTENCE.length * CHARACTER_MS;
    servers[0].moods.set({ fault });
    expect(Math.abs((await speak()) - wholeMs)).toBeLessThanOrEqual(CHARACTER_MS + 20);
    servers[0].moods.set({});
    await expect
      .poll(async () => [await speak(), steps.told.at(-1)], { timeout: 40_000 })
      .toEqual([wholeMs, "tts cloud back"]);
    expect(steps.told[0]).toMatch(/^tts cloud \w+ > local$/);
  });
});

const FAULTS: readonly Fault[] = ["refuse", "401", "429", "500", "silent", "stall", "garbage", "empty", "close"];

describe("a recogniser elsewhere", () => {
  const SENTENCE = "book a table for two at seven tomorrow evening please";

  async function call(fault: Fault | undefined) {
    const servers = [kept(await FakeDeepgram.start({ fault })), kept(await FakeDeepgram.start())] as const;
    const rungs: Rung<SpeechToText>[] = servers.map((server, index) => {
      const settings = deepgram.schema.parse({ apiKey: server.apiKey, url: server.url });
      return rung(["cloud", "local"][index] ?? "", kept(deepgram.create(settings, context)));
    });
    const steps = new Steps();
    const over = new AbortController();
    open.push({ close: async () => over.abort() });
    const ear = new LadderEar({
      rungs,
      clock,
      limits: { finalMs: 1_500, hedgeMs: 0, replaySeconds: 15 },
      onStep: steps.onStep,
    });
    const hearing = ear.open({ rate: 8000, language: "en", hints: [], signal: over.signal });
    const finals: string[] = [];
    void read(hearing, finals);
    return { servers, steps, hearing, finals };
  }

  test.each(FAULTS)("%s: every word is understood once", async (fault) => {
    const { hearing, finals, steps, servers } = await call(fault);
    push(hearing, spokenWords(SENTENCE, 8000), 8000);
    hearing.finish();
    await expect.poll(() => finals, { timeout: 40_000 }).toEqual([SENTENCE]);
    expect(steps.told.length).toBeGreaterThan(0);
    servers[0].server.fault = undefined;
    // Two utterances later at most the first one has the call back, and nothing was lost on the way.
    for (let spoken = 2; spoken < 6 && steps.told.at(-1) !== "stt cloud back"; spoken += 1) {
      await new Promise((resolve) => clock.after(120, () => resolve(undefined)));
      push(hearing, spokenWords("thank you", 8000), 8000);
      hearing.finish();
      await expect.poll(() => finals.length, { timeout: 40_000 }).toBe(spoken);
    }
    expect(steps.told.at(-1)).toBe("stt cloud back");
    expect(finals.slice(1).every((text) => text === "thank you")).toBe(true);
  });

  test("cut in the middle of the caller's sentence: the whole of it is understood, once", async () => {
    const { hearing, finals, steps, servers } = await call(undefined);
    push(hearing, spokenWords("hello", 8000), 8000);
    hearing.finish();
    await expect.poll(() => finals, { timeout: 40_000 }).toEqual(["hello"]);
    push(hearing, spokenWords("book a table for two", 8000), 8000);
    servers[0].server.fault = "refuse";
    servers[0].server.cut();
    await expect.poll(() => steps.told.length, { timeout: 40_000 }).toBe(1);
    push(hearing, spokenWords("at seven tomorrow evening please", 8000), 8000);
    hearing.finish();
    await expect.poll(() => finals, { timeout: 40_000 }).toEqual(["hello", SENTENCE]);
  });
});

async function read(hearing: Hearing, finals: string[]): Promise<void> {
  for await (const { final, text } of hearing.transcripts) if (final && text !== "") finals.push(text);
}

async function* only(piece: string): AsyncGenerator<string> {
  yield piece;
}
