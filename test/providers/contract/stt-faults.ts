import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { SampleRate } from "../../../src/audio/frame.ts";
import { samplesPerFrame } from "../../../src/audio/frame.ts";
import type { Hearing, ProviderErrorCode, SpeechToText, Transcript } from "../../../src/conversation/providers.ts";
import type { Fault } from "../../fakes/providers/server.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";

interface FakeRecogniser {
  /** Can be set and lifted at any time. */
  fault: Fault | undefined;
  /** How many connections were tried. */
  readonly attempts: number;
  /** Those that are open. */
  readonly connections: number;
  /** Every connection is cut at once. */
  cut(): void;
}

interface Options {
  /** With deadlines of 300 ms. */
  readonly create: () => SpeechToText;
  readonly server: () => FakeRecogniser;
  readonly rate: SampleRate;
  /** Connections of one utterance: 2 where the next one's is opened with its end. */
  readonly attempts?: number;
  /** Whether it has words to show before the pause. */
  readonly partials?: boolean;
  /** What these faults must be called, where it is not the usual. Undefined: this one cannot be played. */
  readonly expected?: Partial<Record<Fault, ProviderErrorCode | undefined>>;
}

const USUAL: Readonly<Record<Exclude<Fault, "empty">, ProviderErrorCode>> = {
  refuse: "unreachable",
  401: "refused",
  429: "overloaded",
  500: "unreachable",
  silent: "timeout",
  stall: "timeout",
  garbage: "protocol",
  close: "unreachable",
};

export const SHORT_DEADLINES = { connectMs: 1000, firstByteMs: 300, finalMs: 300, stallMs: 300 };

export function push(hearing: Hearing, pcm: Int16Array, rate: SampleRate): void {
  const samples = samplesPerFrame(rate);
  for (let at = 0; at < pcm.length; at += samples) hearing.push({ pcm: pcm.subarray(at, at + samples), rate });
}

/** What every recogniser at the other end of a connection must do when the other end fails. */
export function describeFaults(
  name: string,
  { create, server, rate, partials = true, attempts = 1, expected = {} }: Options,
): void {
  describe(`${name}, when its server fails`, () => {
    let over: AbortController;
    const open = (stt = create()) => stt.open({ rate, language: "en", hints: [], signal: over.signal });
    const say = (hearing: Hearing, words: string) => push(hearing, spokenWords(words, rate), rate);
    const final = async (hearing: Hearing): Promise<Transcript | undefined> => {
      for await (const transcript of hearing.transcripts) if (transcript.final) return transcript;
      return undefined;
    };
    // Whoever came before has arrived when this one is answered: from now on attempts can be counted.
    beforeAll(async () => {
      over = new AbortController();
      const hearing = open();
      say(hearing, "hello");
      hearing.finish();
      await final(hearing);
      over.abort();
      await vi.waitFor(() => expect(server().connections).toBe(0), { timeout: 3000 });
    });
    beforeEach(() => {
      over = new AbortController();
    });
    afterEach(async () => {
      server().fault = undefined;
      over.abort();
      // Whoever hangs up leaves no connection behind.
      await expect.poll(() => server().connections, { timeout: 3000 }).toBe(0);
    });

    const codes = Object.entries({ ...USUAL, ...expected }).flatMap(([fault, code]) =>
      code === undefined ? [] : [{ fault: fault as Fault, code }],
    );
    test.each(codes)("$fault is told as $code, soon, and not tried again", async ({ fault, code }) => {
      server().fault = fault;
      const before = server().attempts;
      const hearing = open();
      say(hearing, "book a table for two at seven tomorrow evening please");
      hearing.finish();
      await expect(final(hearing)).rejects.toMatchObject({ code });
      expect(server().attempts - before).toBeLessThanOrEqual(attempts);
      // What is pushed into a lost ear goes nowhere, and harms nobody.
      say(hearing, "hello");
      hearing.finish();
    });

    test("an answer without words is no failure", async () => {
      server().fault = "empty";
      const hearing = open();
      say(hearing, "hello");
      hearing.finish();
      expect((await final(hearing))?.text).toBe("");
    });

    test("a connection that is cut in mid-sentence is told at once", async () => {
      const hearing = open();
      say(hearing, "book a table for two");
      const transcripts = hearing.transcripts[Symbol.asyncIterator]();
      if (partials) expect((await transcripts.next()).value).toMatchObject({ final: false });
      await expect.poll(() => server().connections).toBe(1);
      server().cut();
      const rest = async () => {
        while (!(await transcripts.next()).done);
      };
      await expect(rest()).rejects.toMatchObject({ name: "ProviderError", code: "unreachable" });
    });

    test("when it is well again, the next call is understood", async () => {
      server().fault = "refuse";
      const stt = create();
      const lost = open(stt);
      say(lost, "hello");
      lost.finish();
      await expect(final(lost)).rejects.toMatchObject({ name: "ProviderError" });
      server().fault = undefined;
      const hearing = open(stt);
      say(hearing, "thank you");
      hearing.finish();
      expect((await final(hearing))?.text).toBe("thank you");
    });
  });
}
