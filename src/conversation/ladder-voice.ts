import { type Frame, type SampleRate, samplesPerFrame } from "../audio/frame.ts";
import { connectFirst, firstToAnswer, type LadderOptions, peekNext, type Rung, Standing } from "./ladder.ts";
import type { KeptSpeech, SpeakOptions, TextToSpeech, WordTime } from "./providers.ts";
import { Playing, Saying } from "./saying.ts";
import { MS_PER_CHARACTER, weightOf, wordsAfter } from "./spoken.ts";
import { WordClock } from "./word-clock.ts";

type VoiceRung = Rung<TextToSpeech>;

/** A reply's voice so far. `playing`: how long what was given out lasts. */
interface Spoken {
  rung: VoiceRung | undefined;
  readonly playing: Playing;
}

export interface LadderVoiceOptions extends LadderOptions<TextToSpeech> {
  /** Whose voice is whose, where the agent says so; the first has the agent's own, the others their default one. */
  readonly voices?: Readonly<Record<string, string>>;
}

/**
 * Several voices that speak as one. A voice that dies before a piece goes unheard: the next one says the piece. One that dies in the
 * middle is heard to the last gap between two words, and the next one goes on with the word after it. Who has taken over keeps the
 * reply to its end; the next reply is the first one's again, as soon as its breaker lets it.
 */
export class LadderVoice implements TextToSpeech {
  readonly name: string;
  readonly #options: LadderVoiceOptions;
  /** How far each reply is, by its signal. */
  readonly #replies = new WeakMap<AbortSignal, Spoken>();
  readonly #paces = new WeakMap<VoiceRung, Pace>();
  readonly #standing: Standing<TextToSpeech>;

  constructor(options: LadderVoiceOptions) {
    this.#options = options;
    this.#standing = new Standing("tts", options);
    this.name = options.rungs[0]?.name ?? "tts";
  }

  async *speak(text: AsyncIterable<string>, options: SpeakOptions): AsyncGenerator<Frame> {
    for await (const piece of text) {
      if (options.signal.aborted) return;
      yield* this.#piece(piece, options);
    }
  }

  async *#piece(piece: string, how: SpeakOptions): AsyncGenerator<Frame> {
    const { clock, limits } = this.#options;
    const { signal } = how;
    const reply = this.#replies.get(signal) ?? { rung: undefined, playing: new Playing(clock) };
    this.#replies.set(signal, reply);
    const candidates = this.#order(reply.rung);
    const atHand = this.#atHand(piece, candidates, how);
    if (atHand) {
      if (atHand.rung !== this.#options.rungs[0]) reply.rung = atHand.rung;
      if (atHand.speech.words.length > 0) how.onWords?.(atHand.speech.words);
      for (const frame of framesOf(atHand.speech.pcm, how.rate)) {
        if (signal.aborted) return;
        reply.playing.add((frame.pcm.length * 1000) / how.rate);
        yield frame;
      }
      return;
    }
    let rest = piece;
    let beforeMs = 0;
    for (;;) {
      const words = rest;
      const clocks = new Map<VoiceRung, WordClock>();
      const timed = (rung: VoiceRung) => {
        const times = new WordClock(words, { beforeMs, tell: how.onWords });
        clocks.set(rung, times);
        return (parts: readonly WordTime[]) => times.hear(parts);
      };
      const answering = await firstToAnswer<TextToSpeech, Frame>({
        ...this.#options,
        stage: "tts",
        onStep: this.#standing.step,
        candidates,
        signal,
        open: (rung, inner) =>
          rung.provider.speak(only(words), {
            ...how,
            onWords: timed(rung),
            voice: this.#voiceOf(rung, how.voice),
            signal: inner,
          }),
        counts: ({ pcm }) => pcm.length > 0,
      });
      if (!answering) return;
      const { rung } = answering;
      this.#standing.took(rung);
      if (rung !== this.#options.rungs[0]) reply.rung = rung;
      const { playing } = reply;
      const last = candidates.length === 0;
      const times = clocks.get(rung);
      times?.listen();
      const said = new Saying(answering, { text: words, clock, playing, stallMs: limits.stallMs, last, signal, times });
      yield* said.frames();
      const pace = this.#pace(rung);
      if (!said.failure) {
        if (!signal.aborted) pace.add(words, said.ms);
        return;
      }
      beforeMs += said.ms;
      rest = said.rest ?? wordsAfter(words, { saidMs: said.ms, lengthMs: pace.msOf(words), cut: said.cut });
      const { error } = said.failure;
      const next = peekNext(candidates);
      this.#standing.failed(rung, error, next);
      if (rest === "") return;
      if (next === undefined) throw error;
    }
  }

  /**
   * What whoever is to speak has said before, and kept. It says nothing of how that provider is now: no breaker hears of it. Of those
   * behind it only where it is known to fail.
   */
  #atHand(
    piece: string,
    candidates: readonly VoiceRung[],
    { voice, rate, language }: SpeakOptions,
  ): { rung: VoiceRung; speech: KeptSpeech } | undefined {
    for (const rung of candidates) {
      const speech = rung.provider.kept?.(piece, { voice: this.#voiceOf(rung, voice), rate, language });
      if (speech) return { rung, speech };
      if (rung.breaker.state === "closed") return undefined;
    }
    return undefined;
  }

  /** Whoever speaks already comes first: a reply has one voice, as long as that lasts. */
  #order(speaking: VoiceRung | undefined): VoiceRung[] {
    const { rungs } = this.#options;
    if (!speaking) return [...rungs];
    const at = rungs.indexOf(speaking);
    return [...rungs.slice(at), ...rungs.slice(0, at).reverse()];
  }

  #voiceOf(rung: VoiceRung, voice: string): string {
    const { rungs, voices } = this.#options;
    return voiceFor(rung.name, { voice, voices, first: rung === rungs[0] });
  }

  #pace(rung: VoiceRung): Pace {
    const known = this.#paces.get(rung) ?? new Pace();
    this.#paces.set(rung, known);
    return known;
  }

  connect(options: Parameters<NonNullable<TextToSpeech["connect"]>>[0]): Promise<void> {
    return connectFirst(this.#options.rungs, (rung) =>
      rung.provider.connect?.({ ...options, voice: this.#voiceOf(rung, options.voice) }),
    );
  }

  /** All of them, so that the greeting is there whoever has to say it. The first one's failure is told; the others' is theirs. */
  async prepare(texts: readonly string[], options: SpeakOptions): Promise<void> {
    const prepared = this.#options.rungs.map((rung) =>
      rung.provider.prepare?.(texts, { ...options, voice: this.#voiceOf(rung, options.voice) }),
    );
    const failed = (await Promise.allSettled(prepared)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async close(): Promise<void> {}
}

/** Whose voice is whose: as the agent says; else its own one for the first of the list, and their default one for the others. */
export const voiceFor = (
  name: string,
  { voice, voices, first }: { voice: string; voices?: Readonly<Record<string, string>> | undefined; first: boolean },
): string => voices?.[name] ?? (first ? voice : "");

/** How fast a voice speaks, learnt from what it has said. */
class Pace {
  #ms = 0;
  #weight = 0;

  add(text: string, ms: number): void {
    this.#ms += ms;
    this.#weight += weightOf(text);
  }

  msOf(text: string): number {
    return this.#weight === 0 ? text.length * MS_PER_CHARACTER : (weightOf(text) * this.#ms) / this.#weight;
  }
}

async function* only(piece: string): AsyncGenerator<string> {
  yield piece;
}

function* framesOf(pcm: Int16Array, rate: SampleRate): Generator<Frame> {
  const samples = samplesPerFrame(rate);
  for (let at = 0; at < pcm.length; at += samples) yield { pcm: pcm.subarray(at, at + samples), rate };
}
