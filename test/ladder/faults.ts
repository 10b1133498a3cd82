import { FRAME_MS, type Frame, type SampleRate, samplesPerFrame } from "../../src/audio/frame.ts";
import type { Clock } from "../../src/base/clock.ts";
import { BoundedQueue } from "../../src/base/queue.ts";
import {
  type Hearing,
  type LanguageModel,
  type Message,
  ProviderError,
  type ReplyPart,
  type SpeechToText,
  type TextToSpeech,
  type ToolDefinition,
  type Transcript,
} from "../../src/conversation/providers.ts";
import { weightOf } from "../../src/conversation/spoken.ts";

/** How a provider can be of no use. */
export const FAULTS = ["refused", "401", "429", "500", "silent", "stalls", "dies", "garbage", "empty"] as const;

export type Fault = (typeof FAULTS)[number];

const AT_ONCE: Partial<Record<Fault, readonly [ProviderError["code"], string]>> = {
  refused: ["unreachable", "connection refused"],
  "401": ["refused", "the key is not valid"],
  "429": ["overloaded", "too many requests"],
  "500": ["unreachable", "status 500"],
  garbage: ["protocol", "no JSON"],
};

const errorOf = (provider: string, fault: Fault): ProviderError | undefined => {
  const known = AT_ONCE[fault];
  return known && new ProviderError(provider, ...known);
};

const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** A model with a fault, which may come and go. `answer` is told the messages, and gives the whole text. */
export class FaultyModel implements LanguageModel {
  readonly name: string;
  readonly #clock: Clock;
  readonly asked: (readonly Message[])[] = [];
  fault: Fault | undefined;
  firstMs = 200;
  wordMs = 20;
  /** After so many words it stalls or dies. */
  faultAfter = 8;
  answer: (messages: readonly Message[]) => string | readonly ReplyPart[] = () => "Yes.";

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.name = name;
  }

  async *reply(
    messages: readonly Message[],
    { signal }: { tools: readonly ToolDefinition[]; signal: AbortSignal },
  ): AsyncGenerator<ReplyPart> {
    this.asked.push(messages);
    const { fault } = this;
    try {
      if (fault === "silent") return void (await forever(signal));
      await this.#clock.sleep(fault === "refused" ? 1 : this.firstMs, signal);
      const error = fault && errorOf(this.name, fault);
      if (error) throw error;
      if (fault === "empty") return;
      const answer = this.answer(messages);
      const parts =
        typeof answer === "string" ? answer.split(/(?<= )/).map((text) => ({ type: "text", text }) as const) : answer;
      for (const [index, part] of parts.entries()) {
        if (fault === "stalls" && index >= this.faultAfter) return void (await forever(signal));
        if (fault === "dies" && index >= this.faultAfter)
          throw new ProviderError(this.name, "unreachable", "socket hang up");
        yield part;
        await this.#clock.sleep(this.wordMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async close(): Promise<void> {}
}

const FIRST_VALUE = 1_000;
const QUIET = 20;

/** Words that voices have said, so that a sample tells which one it belongs to. Shared by the voices of a test. */
export class Vocabulary {
  readonly #words: { readonly word: string; readonly voice: string }[] = [];

  add(word: string, voice: string): number {
    return FIRST_VALUE + this.#words.push({ word, voice }) - 1;
  }

  at(sample: number): { readonly word: string; readonly voice: string } | undefined {
    return this.#words[sample - FIRST_VALUE];
  }
}

/** A voice with a fault. Words last as long as a telephone voice's, by chance a little longer or shorter, with pauses at the marks. */
export class FaultyVoice implements TextToSpeech {
  readonly name: string;
  readonly #clock: Clock;
  readonly #vocabulary: Vocabulary;
  readonly pieces: string[] = [];
  readonly voices: string[] = [];
  #seed: number;
  fault: Fault | undefined;
  firstMs = 150;
  /** How many times as fast as it is played the sound comes. */
  speed = 5;
  /** After so much sound of a piece it stalls or dies. */
  faultAfterMs = 700;
  /** Only in pieces that contain this. */
  faultIn = "";
  msPerWeight = 130;

  constructor(clock: Clock, name: string, vocabulary: Vocabulary, seed = 1) {
    this.#clock = clock;
    this.name = name;
    this.#vocabulary = vocabulary;
    this.#seed = seed;
  }

  async *speak(
    text: AsyncIterable<string>,
    { voice, rate, signal }: { voice: string; rate: SampleRate; signal: AbortSignal },
  ): AsyncGenerator<Frame> {
    try {
      for await (const piece of text) yield* this.#piece(piece, { voice, rate, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async close(): Promise<void> {}

  async *#piece(
    piece: string,
    { voice, rate, signal }: { voice: string; rate: SampleRate; signal: AbortSignal },
  ): AsyncGenerator<Frame> {
    this.pieces.push(piece);
    this.voices.push(voice);
    const fault = piece.includes(this.faultIn) ? this.fault : undefined;
    if (fault === "silent") return void (await forever(signal));
    await this.#clock.sleep(fault === "refused" ? 1 : this.firstMs, signal);
    const error = fault && errorOf(this.name, fault);
    if (error) throw error;
    if (fault === "empty") return;
    let saidMs = 0;
    for (const frame of this.#frames(piece, rate)) {
      if (saidMs >= this.faultAfterMs) {
        if (fault === "stalls") return void (await forever(signal));
        if (fault === "dies") throw new ProviderError(this.name, "unreachable", "socket hang up");
      }
      yield frame;
      saidMs += FRAME_MS;
      await this.#clock.sleep(FRAME_MS / this.speed, signal);
    }
  }

  *#frames(piece: string, rate: SampleRate): Generator<Frame> {
    for (const word of piece.split(" ")) {
      const value = this.#vocabulary.add(word, this.name);
      this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
      const chance = 0.9 + (this.#seed / 2 ** 32) * 0.2;
      const ms = weightOf(word) * this.msPerWeight * chance;
      const pauseMs = /[.,!?…:;]$/.test(word) ? 160 : 20;
      const frames = Math.max(3, Math.round(ms / FRAME_MS));
      const quiet = Math.min(frames - 2, pauseMs / FRAME_MS);
      for (let at = 0; at < frames; at += 1)
        yield { pcm: new Int16Array(samplesPerFrame(rate)).fill(at < frames - quiet ? value : QUIET), rate };
    }
  }
}

/** What a caller says, as a test writes it into frames: the first sample of a frame tells the word. */
export const SILENT_SAMPLE = 5;

/** A recogniser that reads the words out of the frames themselves, so that what is replayed is heard again, and what is not, is not. */
export class FaultyEar implements SpeechToText {
  readonly name: string;
  readonly #clock: Clock;
  readonly #wordAt: (sample: number) => string | undefined;
  fault: Fault | undefined;
  finalMs = 150;
  partials = true;
  opened = 0;
  /** How many frames each of its hearings was given. */
  readonly frames: number[] = [];
  #live = new Set<BoundedQueue<Transcript>>();

  constructor(clock: Clock, name: string, wordAt: (sample: number) => string | undefined) {
    this.#clock = clock;
    this.name = name;
    this.#wordAt = wordAt;
  }

  /** Every connection breaks. */
  die(): void {
    for (const transcripts of this.#live)
      transcripts.fail(new ProviderError(this.name, "unreachable", "socket hang up"));
    this.#live.clear();
  }

  open({ signal }: { signal: AbortSignal }): Hearing {
    this.opened += 1;
    const index = this.frames.push(0) - 1;
    const transcripts = new BoundedQueue<Transcript>(200);
    signal.addEventListener("abort", () => transcripts.close(), { once: true });
    this.#live.add(transcripts);
    const { fault } = this;
    const error = fault && errorOf(this.name, fault);
    if (error && fault === "refused") throw error;
    if (error) this.#clock.after(50, () => transcripts.fail(error));
    let atMs = 0;
    let startMs = 0;
    let words: string[] = [];
    let last: number | undefined;
    const tell = (final: boolean, endMs: number, from: number, text: string): void => {
      const now = this.fault;
      if (now === "silent" || now === "stalls") return;
      transcripts.push({ text: now === "empty" ? "" : text, final, startMs: from, endMs });
    };
    return {
      transcripts,
      push: ({ pcm }) => {
        this.frames[index] = (this.frames[index] ?? 0) + 1;
        atMs += FRAME_MS;
        // A word is known when it is over, as with every recogniser.
        const sample = Math.abs(pcm[0] ?? 0);
        if (sample === last) return;
        const word = last === undefined ? undefined : this.#wordAt(last);
        last = sample <= SILENT_SAMPLE ? undefined : sample;
        if (word === undefined) return;
        if (words.length === 0) startMs = atMs - FRAME_MS;
        words.push(word);
        if (this.partials) tell(false, atMs, startMs, words.join(" "));
      },
      finish: () => {
        const [text, endMs, from] = [words.join(" "), atMs, startMs];
        words = [];
        this.#clock.after(this.finalMs, () => tell(true, endMs, from, text));
      },
    };
  }

  async close(): Promise<void> {}
}
