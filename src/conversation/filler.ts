import type { Frame, SampleRate } from "../audio/frame.ts";
import { samplesPerFrame } from "../audio/frame.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Agent } from "./agent.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ConversationObserver } from "./observer.ts";
import type { TextToSpeech } from "./providers.ts";
import type { WaitingOptions } from "./waiting.ts";
import { piecesOf } from "./warm.ts";

// Longer ones are cut: what is waited for is more welcome.
const MAX_MS = 2_000;

/**
 * What an agent says while something is slow, spoken ahead in its own voice and kept: when it is needed, the voice itself may be
 * what is slow. One for each agent, shared by its calls.
 */
export class Filler {
  readonly #agent: Agent;
  readonly #tts: TextToSpeech;
  readonly #spoken = new Map<SampleRate, (readonly Frame[])[]>();
  #preparing: Promise<void> | undefined;

  constructor({ agent, tts }: { agent: Agent; tts: TextToSpeech }) {
    this.#agent = agent;
    this.#tts = tts;
  }

  /** Speaks what is missing. Rejects when it cannot be spoken; the next call may try again. */
  prepare(rates: readonly SampleRate[], signal: AbortSignal): Promise<void> {
    this.#preparing ??= this.#prepare(rates, signal).finally(() => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  /** The sentences, as they are at hand. Undefined: none. `count`: how often a filler was heard in this call. */
  words(rate: SampleRate, count: number): readonly Frame[] | undefined {
    const spoken = this.#spoken.get(rate) ?? [];
    return spoken.length === 0 ? undefined : spoken[count % spoken.length];
  }

  async #prepare(rates: readonly SampleRate[], signal: AbortSignal): Promise<void> {
    const { prompts, voice, language } = this.#agent;
    for (const rate of rates) {
      if (this.#spoken.has(rate)) continue;
      const sentences: (readonly Frame[])[] = [];
      for (const sentence of prompts.filler) {
        const frames: Frame[] = [];
        for await (const frame of this.#tts.speak(each(piecesOf(sentence)), { voice, rate, language, signal }))
          frames.push({ pcm: frame.pcm.slice(), rate });
        signal.throwIfAborted();
        sentences.push(wholeFrames(frames, rate));
      }
      this.#spoken.set(rate, sentences);
    }
  }
}

/** What one call's waiting needs to know of it. */
export function fillingIn(
  { filler, media, observer }: { filler?: Pick<Filler, "words">; media: MediaStream; observer: ConversationObserver },
  { fillerMs: afterMs }: ConversationLimits,
): Pick<WaitingOptions, "filler" | "onFiller"> {
  if (!filler) return {};
  let heard = 0;
  return {
    filler: { afterMs, words: () => filler.words(media.rate, heard++) },
    onFiller: () => observer.fallback?.({ type: "filler" }),
  };
}

/** Frames of 20 ms, the last one filled up. */
function wholeFrames(frames: readonly Frame[], rate: SampleRate): readonly Frame[] {
  const size = samplesPerFrame(rate);
  const samples = Math.min(
    (MAX_MS * rate) / 1000,
    frames.reduce((sum, { pcm }) => sum + pcm.length, 0),
  );
  const all = new Int16Array(Math.ceil(samples / size) * size);
  let at = 0;
  for (const { pcm } of frames) {
    if (at >= samples) break;
    all.set(pcm.subarray(0, samples - at), at);
    at += pcm.length;
  }
  return Array.from({ length: all.length / size }, (_, index) => ({
    pcm: all.subarray(index * size, (index + 1) * size),
    rate,
  }));
}

async function* each(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}
