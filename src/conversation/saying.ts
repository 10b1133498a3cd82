import { FRAME_MS, type Frame, samplesPerFrame } from "../audio/frame.ts";
import { levelDbov } from "../audio/level.ts";
import type { Clock } from "../base/clock.ts";
import { abortable, OVER } from "../base/signals.ts";
import { type Answering, isGrave, leave } from "./ladder.ts";
import { ProviderError, type TextToSpeech } from "./providers.ts";
import type { Said } from "./spoken.ts";
import type { WordClock } from "./word-clock.ts";

// What the caller is about to hear is given out so long before; the rest only when the voice has come to the end of its piece.
const GIVE_MS = 240;
// So long before the caller would hear nothing more a silent voice is given up: what the next one needs to begin.
const NEXT_MS = 400;
// A pause between two clauses is so long, and so much quieter than the words; a gap between two words is shorter.
const PAUSE_FRAMES = 4;
const QUIET_DB = 25;
const GAP_DB = 12;
const GAP_FRAMES = 30;

/** How long what was given out of a reply still lasts, if it was played at once. */
export class Playing {
  readonly #clock: Clock;
  #endsAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get aheadMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.now());
  }

  add(ms: number): void {
    this.#endsAt = Math.max(this.#endsAt, this.#clock.now()) + ms;
  }
}

export interface SayingOptions {
  readonly text: string;
  readonly clock: Clock;
  readonly playing: Playing;
  readonly stallMs: number;
  /** Nobody could follow: then nothing is kept back, and its silence is the conversation's to judge. */
  readonly last: boolean;
  /** When each word sounds, where the voice says so. */
  readonly times: WordClock | undefined;
  readonly signal: AbortSignal;
}

/**
 * One voice's part of a piece, from its first frame on. Sound that comes ahead of its time is kept back until the piece is whole:
 * if the voice dies before, what the caller has not heard is cut at a pause, and said by the next one.
 */
export class Saying {
  readonly #from: Answering<TextToSpeech, Frame>;
  readonly #options: SayingOptions;
  readonly #kept: Frame[] = [];
  /** How much of it was given out. */
  ms = 0;
  /** What is left to be said, if it failed and this is known for certain. */
  rest: string | undefined;
  /** Where it ends, if it failed. */
  cut: Said["cut"] = "word";
  failure: { readonly error: unknown } | undefined;

  constructor(from: Answering<TextToSpeech, Frame>, options: SayingOptions) {
    this.#from = from;
    this.#options = options;
  }

  async *frames(): AsyncGenerator<Frame> {
    const { signal } = this.#options;
    const { abort, permit, parts, first } = this.#from;
    const onAbort = (): void => abort.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#kept.push(first);
      yield* this.#due();
      yield* this.#read();
      yield* this.#give();
      permit.ok();
    } catch (error) {
      if (!signal.aborted) {
        permit.failed({ grave: isGrave(error) });
        this.failure = { error };
        this.#cut();
        yield* this.#give();
      }
      abort.abort(error);
    } finally {
      // Whoever is talked over has spoken.
      permit.ok();
      signal.removeEventListener("abort", onAbort);
      abort.abort(OVER);
      leave(parts);
    }
  }

  async *#read(): AsyncGenerator<Frame> {
    const { clock } = this.#options;
    const { parts, abort } = this.#from;
    for (;;) {
      const coming = abortable(parts.next(), abort.signal);
      coming.catch(() => undefined);
      const since = clock.now();
      let part: IteratorResult<Frame> | undefined;
      while (!part) {
        part = await this.#wait(coming, since);
        if (!part) yield* this.#due();
      }
      if (part.done) return;
      this.#kept.push(part.value);
      yield* this.#due();
    }
  }

  /** The next frame; undefined when one that was kept back has become due. Rejects when the voice is silent for too long. */
  async #wait(coming: Promise<IteratorResult<Frame>>, since: number): Promise<IteratorResult<Frame> | undefined> {
    const { clock, stallMs, last, playing } = this.#options;
    // It is waited for as long as what it has said lasts, less what the next one needs to begin.
    const deadMs = last ? Number.POSITIVE_INFINITY : Math.max(since + stallMs - clock.now(), playing.aheadMs - NEXT_MS);
    if (deadMs <= 0) throw new ProviderError(this.#from.rung.name, "timeout", "silent in the middle of a sentence");
    const ms = Math.min(this.#kept.length > 0 ? playing.aheadMs - GIVE_MS : Number.POSITIVE_INFINITY, deadMs);
    if (ms === Number.POSITIVE_INFINITY) return coming;
    const wake = Promise.withResolvers<undefined>();
    const timer = clock.after(Math.max(1, ms), () => wake.resolve(undefined));
    try {
      return await Promise.race([coming, wake.promise]);
    } finally {
      timer.cancel();
    }
  }

  *#due(): Generator<Frame> {
    const { playing, last } = this.#options;
    while (this.#kept.length > 0 && (last || playing.aheadMs <= GIVE_MS)) yield* this.#shift();
  }

  *#give(): Generator<Frame> {
    while (this.#kept.length > 0) yield* this.#shift();
  }

  *#shift(): Generator<Frame> {
    const frame = this.#kept.shift();
    if (!frame) return;
    const ms = lengthOf(frame);
    this.ms += ms;
    this.#options.playing.add(ms);
    yield frame;
  }

  /** What was kept back ends with its last pause between two clauses, else between two words; where there is neither, all of it is heard. */
  #cut(): void {
    const kept = this.#kept;
    kept.splice(0, kept.length, ...kept.flatMap(inFrames));
    if (this.ms === 0) {
      // Nothing of the piece was given out: the next one says it whole.
      kept.length = 0;
      this.rest = this.#options.text;
      return;
    }
    const keptMs = kept.reduce((sum, frame) => sum + lengthOf(frame), 0);
    const known = this.#options.times?.cut({ givenMs: this.ms, untilMs: this.ms + keptMs });
    if (known) {
      this.rest = known.rest;
      kept.length = Math.min(kept.length, Math.ceil((known.atMs - this.ms) / FRAME_MS));
      return;
    }
    const levels = kept.map(({ pcm }) => levelDbov(pcm));
    const loudest = Math.max(...levels);
    const pauseAt = lastRun(levels, (level) => level < loudest - QUIET_DB, PAUSE_FRAMES);
    if (pauseAt !== undefined) {
      this.cut = "pause";
      kept.length = pauseAt;
      return;
    }
    const late = levels.slice(-GAP_FRAMES);
    const quietest = late.lastIndexOf(Math.min(...late));
    if (late.length === 0 || (late[quietest] ?? 0) >= loudest - GAP_DB) return;
    this.cut = "gap";
    kept.length = kept.length - late.length + quietest;
  }
}

/** Where the last stretch of at least so many ends. */
function lastRun(levels: readonly number[], quiet: (level: number) => boolean, frames: number): number | undefined {
  let run = 0;
  for (let at = levels.length - 1; at >= 0; at -= 1) {
    run = quiet(levels[at] ?? 0) ? run + 1 : 0;
    if (run === frames) return at + frames;
  }
  return undefined;
}

/** Pauses are looked for in 20 ms at a time. */
const inFrames = ({ pcm, rate }: Frame): Frame[] => {
  const size = samplesPerFrame(rate);
  return Array.from({ length: Math.ceil(pcm.length / size) }, (_, at) => ({
    pcm: pcm.subarray(at * size, (at + 1) * size),
    rate,
  }));
};

const lengthOf = ({ pcm, rate }: Frame): number =>
  pcm.length === (rate * FRAME_MS) / 1000 ? FRAME_MS : (pcm.length * 1000) / rate;
