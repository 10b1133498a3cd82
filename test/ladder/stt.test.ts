import { beforeEach, describe, expect, test } from "vitest";
import type { Frame } from "../../src/audio/frame.ts";
import type { Rung } from "../../src/conversation/ladder.ts";
import { LadderEar } from "../../src/conversation/ladder-ear.ts";
import type { Hearing, SpeechToText, Transcript } from "../../src/conversation/providers.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { FAULTS, type Fault, FaultyEar, SILENT_SAMPLE } from "./faults.ts";
import { rungOf, Steps } from "./support.ts";

const limits = { finalMs: 600, hedgeMs: 0, replaySeconds: 15 };
const LOUD = 2_000;
const WORD_MS = 240;

let clock: VirtualClock;
let said: string[];
let first: FaultyEar;
let second: FaultyEar;
let steps: Steps;
let rungs: Rung<SpeechToText>[];

beforeEach(() => {
  clock = new VirtualClock();
  said = [];
  const wordAt = (sample: number): string | undefined => said[sample - LOUD];
  [first, second] = [new FaultyEar(clock, "cloud", wordAt), new FaultyEar(clock, "local", wordAt)];
  steps = new Steps();
  rungs = [rungOf(clock, first), rungOf(clock, second)];
});

/** A caller at a recogniser: every word is known by its sound, so that one heard twice counts twice. */
class Caller {
  readonly finals: string[] = [];
  readonly all: Transcript[] = [];
  readonly #abort = new AbortController();
  readonly #hearing: Hearing;
  partial = "";
  asked = 0;
  lost: unknown;

  constructor(options: Partial<typeof limits> = {}) {
    const ear = new LadderEar({ rungs, clock, limits: { ...limits, ...options }, onStep: steps.onStep });
    this.#hearing = ear.open({ rate: 8000, language: "en", hints: [], signal: this.#abort.signal });
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const transcript of this.#hearing.transcripts) {
        this.all.push(transcript);
        this.partial = transcript.final ? "" : transcript.text;
        if (transcript.final && transcript.text !== "") this.finals.push(transcript.text);
      }
    } catch (error) {
      this.lost = error;
    }
  }

  /** A line that is never quite silent. */
  async silence(ms: number): Promise<void> {
    await this.#push(SILENT_SAMPLE, ms);
  }

  /** Says it, and pauses: voice activity asks for the final words 200 ms later. */
  async say(text: string, during?: { afterWords: number; happens: () => void }): Promise<void> {
    for (const [index, word] of text.split(" ").entries()) {
      if (during?.afterWords === index) during.happens();
      const sample = LOUD + said.push(word) - 1;
      await this.#push(sample, WORD_MS - 40);
      await this.#push(SILENT_SAMPLE, 40);
    }
    await this.silence(200);
    this.#hearing.finish();
    this.asked += 1;
  }

  async #push(sample: number, ms: number): Promise<void> {
    const frame: Frame = { pcm: new Int16Array(160).fill(sample), rate: 8000 };
    for (let at = 0; at < ms; at += 20) {
      this.#hearing.push(frame);
      await clock.advance(20);
    }
  }

  hangUp(): void {
    this.#abort.abort();
  }

  get text(): string {
    return this.finals.join(" ");
  }
}

const SENTENCE = "I would like to book a table for four people on Friday";

const CODES: Record<Fault, string> = {
  refused: "unreachable",
  "401": "refused",
  "429": "overloaded",
  "500": "unreachable",
  silent: "timeout",
  stalls: "timeout",
  dies: "unreachable",
  garbage: "protocol",
  empty: "slow",
};

/** The fault as it is seen while the caller speaks. */
function strike(fault: Fault): void {
  first.fault = fault;
  if (!["silent", "stalls", "empty"].includes(fault)) first.die();
}

describe.each(FAULTS)("a recogniser: %s", (fault) => {
  test("from the call's beginning: every word is understood once", async () => {
    first.fault = fault;
    if (fault === "dies") clock.after(300, () => first.die());
    const caller = new Caller();
    await caller.silence(500);
    await caller.say(SENTENCE);
    await caller.silence(1_500);
    expect(caller.text).toBe(SENTENCE);
    expect(caller.lost).toBeUndefined();
    expect(steps.told).toEqual([`stt cloud ${CODES[fault]} > local`]);
    caller.hangUp();
    expect(await leftover()).toBe(0);
  });

  test.each([0, 1, 5, 10, 11])(
    "while the caller speaks, after %i words: no word is lost, none comes twice",
    async (afterWords) => {
      const caller = new Caller();
      await caller.say("good morning");
      await caller.silence(1_000);
      await caller.say(SENTENCE, { afterWords, happens: () => strike(fault) });
      await caller.silence(1_500);
      await caller.say("thank you");
      await caller.silence(1_000);
      expect(caller.text).toBe(`good morning ${SENTENCE} thank you`);
      expect(caller.lost).toBeUndefined();
      // One final for each pause, whoever gave it.
      expect(caller.all.filter(({ final }) => final)).toHaveLength(caller.asked);
      caller.hangUp();
      expect(await leftover()).toBe(0);
    },
  );

  test("in the pause, when the final words are owed: they come from the next one", async () => {
    const caller = new Caller();
    await caller.say(SENTENCE);
    strike(fault);
    await caller.silence(1_500);
    expect(caller.text).toBe(SENTENCE);
    caller.hangUp();
    expect(await leftover()).toBe(0);
  });

  test("the first one has the call back between two utterances, after it has understood one again", async () => {
    const caller = new Caller();
    await caller.say("good morning", { afterWords: 1, happens: () => strike(fault) });
    await caller.silence(1_500);
    first.fault = undefined;
    await caller.silence(6_000);
    for (const text of ["one two", "three four", "five six", "seven eight"]) {
      await caller.say(text);
      await caller.silence(1_000);
    }
    expect(steps.told.at(-1)).toBe("stt cloud back");
    const secondHeard = second.frames.at(-1);
    await caller.say("nine ten");
    await caller.silence(1_000);
    expect(second.frames.at(-1)).toBe(secondHeard);
    expect(caller.text).toBe("good morning one two three four five six seven eight nine ten");
    expect(caller.all.filter(({ final }) => final)).toHaveLength(caller.asked);
    caller.hangUp();
    expect(await leftover()).toBe(0);
  });

  test("of both: the conversation is told, and opens it again by its own rules", async () => {
    first.fault = fault;
    second.fault = fault;
    const caller = new Caller();
    if (fault === "dies")
      for (let ms = 0; ms < 5; ms += 1) clock.after(ms * 40, () => void [first.die(), second.die()]);
    await caller.silence(500);
    await caller.say(SENTENCE);
    await caller.silence(5_000);
    if (fault === "empty") expect(caller.text).toBe("");
    else expect(caller.lost).toBeInstanceOf(Error);
    caller.hangUp();
    expect(await leftover()).toBe(0);
  });

  test("a call that ends at that moment leaves nothing behind", async () => {
    for (const words of [0, 5, 11]) {
      first.fault = undefined;
      const caller = new Caller();
      await caller.say(SENTENCE, {
        afterWords: words,
        happens: () => {
          strike(fault);
          caller.hangUp();
        },
      });
      await clock.advance(40_000);
      expect(clock.pending).toBe(0);
    }
  });
});

/** Timers that are still there when all that was pending has had its time. */
async function leftover(): Promise<number> {
  await clock.advance(1_000);
  return clock.pending;
}

test("the only recogniser whose connection breaks is connected again, and hears the caller again", async () => {
  rungs = rungs.slice(0, 1);
  const caller = new Caller();
  await caller.say(SENTENCE, { afterWords: 5, happens: () => first.die() });
  await caller.silence(1_000);
  expect(caller.text).toBe(SENTENCE);
  expect(first.opened).toBe(2);
});

test("of what was said before, and understood, nothing is heard again", async () => {
  const caller = new Caller();
  await caller.say(SENTENCE);
  await caller.silence(8_000);
  await caller.say("tomorrow at seven", { afterWords: 2, happens: () => first.die() });
  await caller.silence(1_000);
  expect(caller.text).toBe(`${SENTENCE} tomorrow at seven`);
  // Two words and a second and a half of silence before them, and what came afterwards.
  expect(second.frames[0]).toBeLessThan((1_500 + 2 * WORD_MS + WORD_MS + 200 + 1_000) / 20 + 5);
});

test("an utterance longer than what is kept stands as it was understood, and goes on", async () => {
  const caller = new Caller({ replaySeconds: 3 });
  const long = Array.from({ length: 30 }, (_, index) => `w${index}`).join(" ");
  await caller.say(long, { afterWords: 20, happens: () => first.die() });
  await caller.silence(1_000);
  expect(caller.text).toBe(long);
});

test("a recogniser that is late is overtaken by the second, where that is asked for", async () => {
  first.finalMs = 500;
  const caller = new Caller({ hedgeMs: 100 });
  await caller.say(SENTENCE);
  await caller.silence(300);
  expect(caller.text).toBe(SENTENCE);
  expect(steps.told).toEqual(["stt cloud slow > local"]);
});

test("a loud cough of which the first understands nothing is no word to the second either, and the first stays", async () => {
  first.fault = "empty";
  second.fault = "empty";
  const caller = new Caller();
  await caller.say("hm hm hm hm");
  await caller.silence(1_000);
  expect(caller.all.filter(({ final }) => final)).toHaveLength(1);
  first.fault = undefined;
  await caller.say("good morning");
  await caller.silence(1_000);
  expect(caller.text).toBe("good morning");
  expect(second.frames).toHaveLength(1);
  expect(steps.told).toEqual([]);
});

test("a recogniser that has worked for a while and then dies in two calls is asked no more by new ones", async () => {
  const callers = [new Caller(), new Caller()];
  for (const caller of callers) {
    await caller.say("good morning");
    await caller.silence(600);
  }
  first.die();
  await clock.advance(100);
  expect(rungs[0]?.breaker.state).toBe("open");
  const before = first.opened;
  const other = new Caller();
  await other.say("good evening");
  await other.silence(600);
  expect(other.text).toBe("good evening");
  expect(first.opened).toBe(before);
  for (const one of [...callers, other]) one.hangUp();
});

test("at ring the first two are connected, and no third", async () => {
  const asked: string[] = [];
  const third = new FaultyEar(clock, "spare", () => undefined);
  const waiting = [...rungs, rungOf(clock, third)].map((rung) => ({
    ...rung,
    provider: Object.assign(rung.provider, { connect: async () => void asked.push(rung.name) }),
  }));
  const ear = new LadderEar({ rungs: waiting, clock, limits, onStep: steps.onStep });
  await ear.connect({ rate: 8000, language: "en", hints: [], signal: new AbortController().signal });
  expect(asked).toEqual(["cloud", "local"]);
});
