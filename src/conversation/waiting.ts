import { FRAME_MS } from "../audio/frame.ts";
import { waitingMelody } from "../audio/melody.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock, Timer } from "../base/clock.ts";

const AHEAD_FRAMES = 10;

/** A caller who has to wait hears that somebody is at it: after a while of silence, music. */
export class Waiting {
  readonly #media: MediaStream;
  readonly #clock: Clock;
  readonly #afterMs: number;
  #timer: Timer | undefined;
  #playing = false;
  #next = 0;

  constructor({ media, clock, afterMs }: { media: MediaStream; clock: Clock; afterMs: number }) {
    this.#media = media;
    this.#clock = clock;
    this.#afterMs = afterMs;
  }

  /** The waiting begins, or goes on. */
  begin(): void {
    this.#timer ??= this.#clock.after(this.#afterMs, () => this.#play());
  }

  /** Silence at once. May be called twice. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#playing) this.#media.clear();
    this.#playing = false;
  }

  #play(): void {
    this.#playing = true;
    this.#next = 0;
    this.#add(AHEAD_FRAMES);
    this.#timer = this.#clock.every(FRAME_MS, () => this.#add(1));
  }

  #add(frames: number): void {
    const melody = waitingMelody(this.#media.rate);
    for (let count = 0; count < frames; count += 1) {
      const frame = melody[this.#next++ % melody.length];
      if (frame) this.#media.write(frame);
    }
  }
}
