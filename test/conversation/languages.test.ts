import { afterEach, describe, expect, test } from "vitest";
import type { Course } from "../../src/call/journal.ts";
import { defineAgent } from "../../src/conversation/agent.ts";
import { detectLanguage, languageAskedFor } from "../../src/conversation/detect.ts";
import { Tongue } from "../../src/conversation/tongue.ts";
import { FIRST_WORDS, NOBODYS } from "./fixtures/first-words.ts";
import { PhoneCall } from "./phone-call.ts";

const LANGUAGES = Object.keys(FIRST_WORDS);

describe("the language of a caller's first words", () => {
  test.each(LANGUAGES)("is told in %s for 19 of 20 sentences, and is never taken for another one", (language) => {
    const told = (FIRST_WORDS[language] ?? []).map((text) => detectLanguage(text, LANGUAGES));
    expect(told.filter((one) => one === language).length).toBeGreaterThanOrEqual(19);
    expect(told.filter((one) => one !== undefined && one !== language)).toEqual([]);
  });

  test("is left open by names, numbers and words that all have", () => {
    expect(NOBODYS.map((text) => detectLanguage(text, LANGUAGES))).toEqual(NOBODYS.map(() => undefined));
    expect(detectLanguage("Guten Tag, ich habe eine Frage", ["en", "es"])).toBeUndefined();
    expect(detectLanguage("Guten Tag, ich habe eine Frage", ["en-GB", "de-AT"])).toBe("de-AT");
  });

  test("is what a caller asks for, by whatever name", () => {
    expect(languageAskedFor("Auf Deutsch, bitte.", LANGUAGES)).toBe("de");
    expect(languageAskedFor("Do you speak French?", LANGUAGES)).toBe("fr");
    expect(languageAskedFor("¿Habla español?", LANGUAGES)).toBe("es");
    expect(languageAskedFor("English", LANGUAGES)).toBe("en");
    expect(languageAskedFor("I would like the german shepherd from your shop of animals", LANGUAGES)).toBeUndefined();
  });
});

let call: PhoneCall;

/** An agent that begins in English and speaks German and Spanish too. */
async function calling(before?: Course): Promise<void> {
  call = new PhoneCall();
  call.before = before;
  const { vad, ear: stt, model: llm, voice: tts } = call;
  const of = (language: string, greeting: string, key?: string) => ({
    agent: defineAgent({
      name: "hotel",
      language,
      greeting,
      pauseMs: 600,
      voice: `voice-${language}`,
      prompt: `Speak ${language}.`,
    }),
    providers: { vad, stt, llm, tts },
    ...(key !== undefined && { key }),
  });
  call.tongue = new Tongue([
    of("en", "Hello, this is the hotel."),
    of("de", "Guten Tag, hier ist das Hotel.", "2"),
    of("es", "Hola, aquí el hotel."),
  ]);
  await call.start();
  await call.quiet();
}

const system = (): string | undefined => call.model.asked.at(-1)?.find(({ role }) => role === "system")?.content;

describe("an agent of several languages", () => {
  afterEach(async () => {
    expect(await call.end()).toBe(0);
  });

  test("answers in the caller's from the first answer on: prompt, voice and recogniser are that language's", async () => {
    await calling();
    expect(call.ear.languages).toEqual(["en"]);
    await call.say("guten Tag haben Sie heute geöffnet");
    await call.wait(3_000);
    expect(system()).toBe("Speak de.");
    expect(call.ear.languages).toEqual(["en", "de"]);
    expect(call.voice.hows.at(-1)).toEqual({ language: "de", voice: "voice-de" });
    expect(call.languages).toEqual(["de"]);
    await call.quiet();
    expect(call.turns.at(-1)?.caller.text).toBe("guten Tag haben Sie heute geöffnet");
    // What is understood once is not judged by every word that follows.
    await call.say("is the and of to");
    await call.say("I want to have a room and what is the price");
    await call.wait(3_000);
    expect(call.languages).toEqual(["de"]);
  });

  test("stays as it is for a caller who speaks the first one", async () => {
    await calling();
    await call.say("hello are you open on saturday");
    await call.wait(3_000);
    expect(system()).toBe("Speak en.");
    expect(call.languages).toEqual([]);
    expect(call.ear.opened).toBe(1);
  });

  test("greets in a language that is asked for, at any time, and goes on in it", async () => {
    await calling();
    await call.say("hello are you open on saturday");
    await call.wait(4_000);
    const asked = await call.say("in Spanish please");
    await call.wait(4_000);
    expect(call.heard(asked)).toBe("Hola, aquí el hotel.");
    expect(call.languages).toEqual(["es"]);
    await call.say("cuánto cuesta una habitación");
    await call.wait(3_000);
    expect(system()).toBe("Speak es.");
  });

  test("changes by a key, also while it speaks", async () => {
    await calling();
    const pressed = call.clock.now();
    call.leg.press("2");
    await call.wait(3_000);
    expect(call.heard(pressed)).toBe("Guten Tag, hier ist das Hotel.");
    expect(call.keys).toEqual(["2"]);
    expect(call.languages).toEqual(["de"]);
    // It has no meaning beyond that.
    expect(call.model.asked).toHaveLength(0);
  });

  test("goes on in it with another worker when its own dies", async () => {
    await calling();
    await call.say("guten Tag haben Sie heute geöffnet");
    await call.wait(4_000);
    const left = call.killed();
    await call.end();
    await calling(left);
    expect(call.ear.languages).toEqual(["de"]);
    expect(call.languages).toEqual(["de"]);
    expect(call.voice.hows.map(({ language }) => language)).not.toContain("en");
    await call.say("hello are you open on saturday");
    await call.wait(3_000);
    expect(system()).toBe("Speak de.");
  });

  test("believes a recogniser that says which language it hears", async () => {
    await calling();
    call.media.sound(480);
    await call.wait(480);
    call.ear.emit("Hotel Bellevue Zimmer", { final: true, turnEnd: true, language: "de" });
    await call.wait(2_000);
    expect(call.languages).toEqual(["de"]);
  });
});
