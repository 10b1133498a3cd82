import { beforeEach, describe, expect, test } from "vitest";
import type { Frame } from "../../src/audio/frame.ts";
import type { Rung } from "../../src/conversation/ladder.ts";
import { LadderVoice } from "../../src/conversation/ladder-voice.ts";
import type { TextToSpeech } from "../../src/conversation/providers.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { FAULTS, type Fault, FaultyVoice, Vocabulary } from "./faults.ts";
import { rungOf, Steps } from "./support.ts";

const limits = { firstMs: 800, stallMs: 500, hedgeMs: 0 };
const PIECES = [
  "We are open from eight to six,",
  "Monday to Friday, and the laboratory takes its last samples an hour before we close.",
  "On Saturday the doors are open until one.",
];
const ALL = PIECES.join(" ");

let clock: VirtualClock;
let words: Vocabulary;
let first: FaultyVoice;
let second: FaultyVoice;
let steps: Steps;
let rungs: Rung<TextToSpeech>[];

beforeEach(() => {
  clock = new VirtualClock();
  words = new Vocabulary();
  [first, second] = [new FaultyVoice(clock, "cloud", words), new FaultyVoice(clock, "local", words, 7)];
  steps = new Steps();
  rungs = [rungOf(clock, first), rungOf(clock, second)];
});

const ladder = (hedgeMs = 0): LadderVoice =>
  new LadderVoice({ rungs, clock, limits: { ...limits, hedgeMs }, onStep: steps.onStep });

interface Heard {
  /** Every word that sounded, even in part. */
  readonly text: string;
  readonly voices: readonly string[];
  readonly error: unknown;
  /** The longest silence between two frames of the reply, as it is played. */
  readonly silenceMs: number;
  readonly frames: readonly Frame[];
}

/** A reply, piece by piece as a conversation asks for them: the next a second before the last one's end is played. */
async function speak(
  voice: TextToSpeech,
  { signal = new AbortController().signal, pieces = PIECES }: { signal?: AbortSignal; pieces?: readonly string[] } = {},
): Promise<Heard> {
  const frames: Frame[] = [];
  let playedUntil: number | undefined;
  let silenceMs = 0;
  const options = { voice: "anna", rate: 8000, language: "en", signal } as const;
  const read = async (): Promise<void> => {
    for (const piece of pieces) {
      const leadMs = (playedUntil ?? 0) - clock.now() - 1_000;
      if (leadMs > 0) await clock.sleep(leadMs);
      for await (const frame of voice.speak(only(piece), options)) {
        const now = clock.now();
        if (playedUntil !== undefined) silenceMs = Math.max(silenceMs, now - playedUntil);
        playedUntil = Math.max(playedUntil ?? now, now) + 20;
        frames.push(frame);
      }
    }
  };
  let ended: { error: unknown } | undefined;
  read().then(
    () => (ended = { error: undefined }),
    (error: unknown) => (ended = { error }),
  );
  for (let ms = 0; ms < 60_000 && !ended; ms += 20) await clock.advance(20);
  if (!ended) throw new Error("the reply never ended");
  return { ...heardIn(frames), ...ended, silenceMs, frames };
}

function heardIn(frames: readonly Frame[]): { text: string; voices: readonly string[] } {
  const heard: string[] = [];
  const voices: string[] = [];
  let last: number | undefined;
  for (const { pcm } of frames) {
    const sample = pcm[0] ?? 0;
    const known = words.at(sample);
    if (!known || sample === last) continue;
    last = sample;
    heard.push(known.word);
    if (voices.at(-1) !== known.voice) voices.push(known.voice);
  }
  return { text: heard.join(" "), voices };
}

async function* only(piece: string): AsyncGenerator<string> {
  yield piece;
}

const CODES: Record<Fault, string> = {
  refused: "unreachable",
  "401": "refused",
  "429": "overloaded",
  "500": "unreachable",
  silent: "timeout",
  stalls: "timeout",
  dies: "unreachable",
  garbage: "protocol",
  empty: "protocol",
};

describe.each(FAULTS)("a voice: %s", (fault) => {
  test.each([
    ["from the beginning", ""],
    ["in the second sentence", "laboratory"],
  ])("%s: the next one goes on, and the caller hears no word twice", async (_, faultIn) => {
    first.fault = fault;
    first.faultIn = faultIn;
    const { text, error, voices } = await speak(ladder());
    expect(error).toBeUndefined();
    // In the middle of a word nobody knows which word it was: it counts as said.
    const inMiddle = (fault === "stalls" || fault === "dies") && faultIn === "";
    expect(missing(ALL, text)).toBeLessThanOrEqual(inMiddle ? 2 : 0);
    // Whoever has taken over keeps the reply to its end.
    expect(voices.at(-1)).toBe("local");
    expect(voices.filter((voice) => voice === "local")).toHaveLength(1);
    expect(steps.told).toEqual([`tts cloud ${CODES[fault]} > local`]);
    expect(clock.pending).toBe(0);
  });

  test("in the middle of a reply costs the caller no more than 700 ms of silence", async () => {
    first.fault = fault;
    first.faultIn = "laboratory";
    expect((await speak(ladder())).silenceMs).toBeLessThanOrEqual(700);
  });

  test("the next reply is the first one's again, when it is well", async () => {
    first.fault = fault;
    const voice = ladder();
    await speak(voice);
    await speak(voice);
    first.fault = undefined;
    await clock.advance(5_000);
    await speak(voice);
    await clock.advance(2_000);
    expect((await speak(voice)).voices).toEqual(["cloud"]);
    expect(steps.told.at(-1)).toBe("tts cloud back");
    expect(clock.pending).toBe(0);
  });

  test("a caller who speaks at that moment ends both", async () => {
    first.fault = fault;
    for (const atMs of [0, 1, 149, 150, 151, 799, 800, 801, 949, 950, 951, 1_300, 1_500]) {
      const abort = new AbortController();
      clock.after(atMs, () => abort.abort());
      const { error } = await speak(ladder(), { signal: abort.signal, pieces: PIECES.slice(0, 1) });
      expect(error).toBeUndefined();
      await clock.advance(2_000);
      expect(clock.pending).toBe(0);
    }
  });

  test("of both: it is said so, once", async () => {
    first.fault = fault;
    second.fault = fault;
    const hangs = fault === "silent" || fault === "stalls";
    const abort = new AbortController();
    if (hangs) clock.after(9_000, () => abort.abort());
    const { error } = await speak(ladder(), { signal: abort.signal, pieces: PIECES.slice(1, 2) });
    if (hangs) expect(error).toBeUndefined();
    else expect(error).toBeInstanceOf(Error);
    expect(steps.told.filter((step) => step.endsWith("> nobody"))).toHaveLength(hangs ? 0 : 1);
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
  });
});

test("whose voice is whose: the agent's for the first, as the agent says or their default one for the others", async () => {
  first.fault = "500";
  await speak(ladder(), { pieces: ["Good day."] });
  expect(first.voices).toEqual(["anna"]);
  expect(second.voices).toEqual([""]);
  const named = new LadderVoice({ rungs, clock, limits, onStep: steps.onStep, voices: { local: "rms" } });
  await speak(named, { pieces: ["Good day."] });
  expect(second.voices.at(-1)).toBe("rms");
});

test("a voice that gives its sound in one go is not taken for silent while it is played", async () => {
  first.speed = 100;
  const { text, voices } = await speak(ladder());
  expect(text).toBe(ALL);
  expect(voices).toEqual(["cloud"]);
  expect(steps.told).toEqual([]);
});

test("a voice that is only as fast as it is played is not held back until there is silence", async () => {
  first.speed = 1;
  const { silenceMs, voices } = await speak(ladder(), { pieces: PIECES.slice(0, 1) });
  expect(silenceMs).toBeLessThanOrEqual(20);
  expect(voices).toEqual(["cloud"]);
});

test("a slow voice is overtaken by the second, where that is asked for", async () => {
  first.firstMs = 700;
  const { voices } = await speak(ladder(300), { pieces: ["Good day."] });
  expect(voices).toEqual(["local"]);
  expect(steps.told).toEqual(["tts cloud slow > local"]);
});

// The account of what was said is by the weight of the words, as in what the model is told of it: within one word.
test.each([1.2, 4])(
  "at whatever moment a voice, %f times as fast as it is played, dies in the middle of a sentence, no word is heard twice",
  async (speed) => {
    const sentence = PIECES[1] ?? "";
    let [lost, cuts] = [0, 0];
    for (let atMs = 100; atMs < 5_000; atMs += 350) {
      words = new Vocabulary();
      first = new FaultyVoice(clock, "cloud", words, atMs);
      second = new FaultyVoice(clock, "local", words, atMs + 1);
      first.speed = speed;
      rungs = [rungOf(clock, first), rungOf(clock, second)];
      const voice = ladder();
      // A greeting, by which its pace is known.
      await speak(voice, { pieces: ["Harbour Clinic, good day. How can I help?"] });
      first.fault = cuts % 2 === 0 ? "dies" : "stalls";
      first.faultAfterMs = atMs;
      const { text, silenceMs } = await speak(voice, { pieces: [sentence] });
      const left = missing(sentence, text);
      expect(left).toBeLessThanOrEqual(2);
      expect(silenceMs).toBeLessThanOrEqual(700);
      lost += left;
      cuts += 1;
    }
    expect(lost / cuts).toBeLessThan(0.6);
  },
  30_000,
);

/** How many words of `whole` were not heard; fails where one was heard that does not come next. */
function missing(whole: string, heard: string): number {
  const expected = whole.split(" ");
  let at = 0;
  for (const word of heard.split(" ")) {
    const found = expected.indexOf(word, at);
    expect(found, `"${word}" in "${heard}"`).toBeGreaterThanOrEqual(at);
    at = found + 1;
  }
  return expected.length - heard.split(" ").length;
}
