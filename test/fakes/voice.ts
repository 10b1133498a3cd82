import { FRAME_MS, type Frame, type SampleRate, samplesPerFrame } from "../../src/audio/frame.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { TextToSpeech } from "../../src/conversation/providers.ts";

const FIRST_VALUE = 1_000;

/** A voice whose samples say which word they belong to: `wordAt` tells it from a sample. */
export class FakeVoice implements TextToSpeech {
  readonly name = "fake";
  readonly #clock: Clock;
  readonly #words: string[] = [];
  readonly spoken: string[] = [];
  /** How each was asked for. */
  readonly hows: { readonly voice: string; readonly language: string }[] = [];
  firstMs = 0;
  /** Throws when it is to say a piece that contains this. */
  failsAt: string | undefined;
  /** Stops in the middle of a piece that contains this, for ever. */
  hangsAt: string | undefined;
  mute = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wordAt(sample: number): string | undefined {
    return this.#words[sample - FIRST_VALUE];
  }

  async *speak(
    text: AsyncIterable<string>,
    {
      voice = "",
      language = "",
      rate,
      signal,
    }: { voice?: string; language?: string; rate: SampleRate; signal: AbortSignal },
  ): AsyncGenerator<Frame> {
    for await (const piece of text) {
      if (signal.aborted) return;
      this.spoken.push(piece);
      this.hows.push({ voice, language });
      if (this.failsAt !== undefined && piece.includes(this.failsAt)) throw new Error("the voice broke");
      if (this.firstMs > 0) await this.#clock.sleep(this.firstMs, signal).catch(() => {});
      if (signal.aborted || this.mute) return;
      const hangs = this.hangsAt !== undefined && piece.includes(this.hangsAt);
      for (const word of piece.split(" ")) {
        yield* this.#say(word, rate);
        if (hangs)
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      }
    }
  }

  async close(): Promise<void> {}

  *#say(word: string, rate: SampleRate): Generator<Frame> {
    const value = FIRST_VALUE + this.#words.push(word) - 1;
    const vowels = word.match(/[aeiouy]+/gi)?.length ?? 1;
    const ms = vowels * 120 + (word.length > 5 ? 60 : 0);
    for (let at = 0; at < ms; at += FRAME_MS) yield { pcm: new Int16Array(samplesPerFrame(rate)).fill(value), rate };
  }
}
