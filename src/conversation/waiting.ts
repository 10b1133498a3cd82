import { FRAME_MS, type Frame } from "../audio/frame.ts";
import { waitingMelody } from "../audio/melody.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock, Timer } from "../base/clock.ts";

const AHEAD_FRAMES = 10;
// So much of a filler may be written at once, beyond what the media asks for, when the reply stands behind it.
const REST_MS = 400;
// After the filler the caller is left in silence for so long before there is music.
const PAUSE_MS = 1_000;

export interface WaitingOptions {
  readonly media: MediaStream;
  readonly clock: Clock;
  /** From when on there is music. */
  readonly afterMs: number;
  /** A few words before that, from when on, and which: undefined while there are none at hand. */
  readonly filler?: { readonly afterMs: number; words(): readonly Frame[] | undefined };
  /** The filler is heard. */
  readonly onFiller?: () => void;
}

/** A caller who has to wait hears that somebody is at it: a few words, at most once a turn, and after a while of silence, music. */
export class Waiting {
  readonly #options: WaitingOptions;
  #timer: Timer | undefined;
  #music = false;
  #next = 0;
  #words: readonly Frame[] = [];
  /** The media's `heardMs` when the filler will have been heard to its end. */
  #wordsEndMs = 0;
  #spoke = false;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** The waiting begins, or goes on. */
  begin(): void {
    if (this.#timer) return;
    const { clock, afterMs, filler } = this.#options;
    const fills = filler && !this.#spoke && filler.afterMs > 0 && filler.afterMs < afterMs;
    this.#timer = fills
      ? clock.after(filler.afterMs, () => this.#speak(afterMs - filler.afterMs))
      : clock.after(afterMs, () => this.#play());
  }

  /**
   * A reply begins: the music ends at once, a filler is heard to its end, and the reply stands behind it. Returns what the media's
   * `heardMs` will be then.
   */
  giveWay(): number {
    const endMs = this.#wordsEndMs;
    const speaks = this.#words.length > 0;
    if (speaks) {
      const rest = this.#words.slice(this.#next, this.#next + REST_MS / FRAME_MS);
      for (const frame of rest) this.#options.media.write(frame);
    }
    this.#stop();
    return speaks ? endMs : 0;
  }

  /** Silence at once, and the turn is over. May be called twice. */
  end(): void {
    if (this.#words.length > 0) this.#options.media.clear();
    this.#stop();
    this.#spoke = false;
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#music) this.#options.media.clear();
    this.#music = false;
    this.#words = [];
  }

  #speak(musicMs: number): void {
    const { media, clock, filler, onFiller } = this.#options;
    const words = filler?.words() ?? [];
    this.#spoke = true;
    if (words.length === 0) {
      this.#timer = clock.after(musicMs, () => this.#play());
      return;
    }
    onFiller?.();
    this.#words = words;
    this.#next = 0;
    this.#wordsEndMs = media.heardMs + words.length * FRAME_MS;
    const pauseMs = Math.max(musicMs, words.length * FRAME_MS + PAUSE_MS);
    const startedAt = clock.now();
    this.#write();
    this.#timer = clock.every(FRAME_MS, () => {
      this.#write();
      if (clock.now() - startedAt < pauseMs) return;
      this.#words = [];
      this.#timer?.cancel();
      this.#play();
    });
  }

  #write(): void {
    for (let frame = this.#words[this.#next]; frame; frame = this.#words[this.#next]) {
      this.#next += 1;
      if (!this.#options.media.write(frame)) return;
    }
  }

  #play(): void {
    this.#music = true;
    this.#next = 0;
    this.#add(AHEAD_FRAMES);
    this.#timer = this.#options.clock.every(FRAME_MS, () => this.#add(1));
  }

  #add(frames: number): void {
    const { media } = this.#options;
    const melody = waitingMelody(media.rate);
    for (let count = 0; count < frames; count += 1) {
      const frame = melody[this.#next++ % melody.length];
      if (frame) media.write(frame);
    }
  }
}
