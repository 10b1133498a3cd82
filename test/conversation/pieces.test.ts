import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Frame } from "../../src/audio/frame.ts";
import { CallerWords } from "../../src/conversation/caller-words.ts";
import { endpointMs } from "../../src/conversation/endpoint.ts";
import { latencyOf } from "../../src/conversation/exchange.ts";
import { History } from "../../src/conversation/history.ts";
import { takesFloor } from "../../src/conversation/judge.ts";
import { Loudness } from "../../src/conversation/loudness.ts";
import { Sentences } from "../../src/conversation/sentences.ts";
import { Spoken } from "../../src/conversation/spoken.ts";
import { piecesOf } from "../../src/conversation/warm.ts";

const frame = (value = 0, samples = 160): Frame => ({ pcm: new Int16Array(samples).fill(value), rate: 8000 });

describe("what the voice is given", () => {
  test("a short first clause, then whole sentences", () => {
    expect(
      piecesOf("We are open, on weekdays, from nine to six. On Saturday until noon, and never on Sunday."),
    ).toEqual(["We are open,", "on weekdays, from nine to six.", "On Saturday until noon, and never on Sunday."]);
  });

  test("times, abbreviations and figures are not torn apart", () => {
    expect(piecesOf("Ask for Dr. Miller at 9.30 a.m. tomorrow. It costs 4.50 euros.")).toEqual([
      "Ask for Dr. Miller at 9.30 a.m. tomorrow.",
      "It costs 4.50 euros.",
    ]);
  });

  test("marks of layout and pictures are not spoken", () => {
    expect(piecesOf("**Yes**, we do! 😀 ... \n\n- `Parking`")).toEqual(["Yes, we do!", "Parking"]);
  });

  test("a text without an end is cut at a word, and nothing is lost however it is split", () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,12}[.,?!]?$/), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 40 }),
        (words, size) => {
          const text = words.join(" ");
          const sentences = new Sentences();
          const pieces: string[] = [];
          for (let at = 0; at < text.length; at += size) pieces.push(...sentences.push(text.slice(at, at + size)));
          pieces.push(...sentences.end());
          expect(pieces.join(" ")).toBe(text);
          for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(240);
        },
      ),
      { seed: 11 },
    );
  });
});

describe("what was heard", () => {
  test("is cut at the word", () => {
    const spoken = new Spoken();
    spoken.begin("Hello there,");
    for (let at = 0; at < 40; at += 1) spoken.add(frame());
    spoken.begin("we are open.");
    for (let at = 0; at < 50; at += 1) spoken.add(frame());
    spoken.end();
    expect(spoken.ms).toBe(1_800);
    expect(spoken.heard(0)).toBe("");
    expect(spoken.heard(790)).toBe("Hello there,");
    expect(spoken.heard(1_200)).toMatch(/^Hello there, we( are)?$/);
    expect(spoken.heard(1_800)).toBe("Hello there, we are open.");
    expect(spoken.heard(1_800, 800)).toBe("we are open.");
  });

  test("of a piece that is still being made is guessed from its length", () => {
    const spoken = new Spoken();
    spoken.begin("one two three four five six seven eight");
    for (let at = 0; at < 10; at += 1) spoken.add(frame());
    expect(spoken.heard(200).split(" ").length).toBeLessThanOrEqual(2);
  });
});

describe("words while the agent speaks", () => {
  const about = {
    language: "en",
    playing: "we are open from nine in the morning",
    near: undefined,
    far: false,
    leaving: false,
  };
  test.each([
    ["mm-hm", false],
    ["okay right", false],
    ["Uh-huh, I see.", false],
    ["stop", true],
    ["okay but when", true],
    ["open from nine", false],
    ["nine in the warning", false],
    ["where can I park", true],
    ["", false],
  ])("%j takes the floor: %s", (text, takes) => {
    expect(takesFloor({ ...about, text })).toBe(takes);
  });

  test("the agent's own words said by the caller, as loud as the caller talks, are the caller's", () => {
    expect(takesFloor({ ...about, text: "nine in the morning", near: true })).toBe(true);
  });

  test("back-channels are known in other languages", () => {
    expect(takesFloor({ ...about, language: "de-AT", text: "Ja, genau" })).toBe(false);
    expect(takesFloor({ ...about, language: "fr", text: "d'accord" })).toBe(false);
    expect(takesFloor({ ...about, language: "es", text: "espera" })).toBe(true);
  });

  test("a goodbye to a goodbye is none of an interruption", () => {
    expect(takesFloor({ ...about, text: "thank you bye", leaving: true })).toBe(false);
    expect(takesFloor({ ...about, text: "thank you bye" })).toBe(true);
  });
});

describe("how long a pause ends the turn", () => {
  const pause = { language: "en", pauseMs: 600, asked: false };
  test.each([
    ["when are you open", 600],
    ["I would like to come and", 1_200],
    ["my number is", 1_200],
    ["my number is five five five", 1_200],
    ["five five five one two three four", 600],
    ["the second", 600],
    ["at 9", 600],
  ])("%j: %i ms", (text, ms) => {
    expect(endpointMs({ ...pause, text })).toBe(ms);
  });

  test("a yes to a question waits less", () => {
    expect(endpointMs({ ...pause, text: "Yes, please.", asked: true })).toBe(360);
    expect(endpointMs({ ...pause, text: "Yes, please." })).toBe(600);
  });
});

describe("the caller's words", () => {
  const say = (text: string, final = false) => ({ text, final, startMs: 0, endMs: 0 });
  test("a final that only repeats the partial is no news", () => {
    const words = new CallerWords({ limit: 100 });
    expect(words.hear(say("when are"))).toBe(true);
    expect(words.hear(say("When are?", true))).toBe(false);
    expect(words.text).toBe("When are?");
  });

  test("the late final of what was answered is news only when it says more", () => {
    for (const [final, news] of [
      ["when are", false],
      ["when are you open", true],
    ] as const) {
      const words = new CallerWords({ limit: 100 });
      words.hear(say("when are"));
      words.answered({ pending: true });
      expect(words.hear(say(final, true))).toBe(news);
      expect(words.text).toBe(news ? final : "");
    }
  });

  test("ten million characters are too many", () => {
    const words = new CallerWords({ limit: 2_000 });
    words.hear(say("a".repeat(10_000_000), true));
    words.hear(say("b".repeat(10_000), false));
    expect(words.text.length).toBeLessThanOrEqual(2_001);
  });
});

describe("history", () => {
  test("two questions without an answer between them are one", () => {
    const history = new History({ prompt: () => "You are kind.", limit: 10 });
    history.caller("when are you");
    history.agent("");
    history.caller("open");
    expect(history.messages("today")).toEqual([
      { role: "system", content: "You are kind." },
      { role: "user", content: "when are you open today" },
    ]);
  });

  test("is bounded, and an answer of a tool does not lose its request", () => {
    const history = new History({ prompt: () => "", limit: 3 });
    const request = { id: "1", name: "note", input: {} };
    history.caller("a");
    history.agent("", [request]);
    history.tool(request, "noted");
    history.agent("done");
    history.caller("b");
    expect(history.messages().map(({ role }) => role)).toEqual(["assistant", "user"]);
  });
});

test("a turn's stages add up to its total, and what was prepared in the pause costs nothing", () => {
  const asked = { voicedAt: 1_000, decidedAt: 1_600, askedAt: 1_620 };
  const latency = latencyOf(asked, { textAt: 1_400, frameAt: 1_700, writtenAt: 1_701 });
  expect(latency).toEqual({ endpointMs: 600, sttMs: 20, llmMs: 0, ttsMs: 80, playoutMs: 1, totalMs: 701 });
});

test("a caller's loudness is known after a second, and a cough from the next room is not as loud", () => {
  const loudness = new Loudness();
  expect(loudness.near).toBeUndefined();
  loudness.begin();
  for (let at = 0; at < 60; at += 1) loudness.hear(frame(5_000), true);
  loudness.begin();
  loudness.hear(frame(800), false);
  expect(loudness.near).toBe(false);
  loudness.begin();
  loudness.hear(frame(4_000), false);
  expect(loudness.near).toBe(true);
});
