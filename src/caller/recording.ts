import type { SampleRate } from "../audio/frame.ts";

/** A quarter of an hour of 8 kHz is 14 MB. */
const MAX_MS = 15 * 60_000;
const FIRST_MS = 20_000;

/** One direction of a call as samples on the wall's time line: sample n was due at `startMs + n / rate`; what did not come is silence. */
export class Recording {
  readonly rate: SampleRate;
  /** By the call's clock. Both directions of a call start at the same time. */
  readonly startMs: number;
  readonly #limit: number;
  #samples: Int16Array;
  #length = 0;
  #lost = 0;

  constructor({ rate, startMs, maxMs = MAX_MS }: { rate: SampleRate; startMs: number; maxMs?: number }) {
    this.rate = rate;
    this.startMs = startMs;
    this.#limit = Math.round((maxMs * rate) / 1000);
    this.#samples = new Int16Array(Math.min(this.#limit, Math.round((FIRST_MS * rate) / 1000)));
  }

  /** Up to the last sample that was written. */
  get lengthMs(): number {
    return (this.#length * 1000) / this.rate;
  }

  /** Samples that fell behind the limit, or before the start. */
  get lostSamples(): number {
    return this.#lost;
  }

  /** `position` in samples from the start. A later write to the same place wins. */
  write(position: number, pcm: Int16Array): void {
    const end = position + pcm.length;
    if (position < 0 || end > this.#limit) {
      this.#lost += pcm.length;
      return;
    }
    if (end > this.#samples.length) this.#grow(end);
    this.#samples.set(pcm, position);
    this.#length = Math.max(this.#length, end);
  }

  /** A copy of the stretch between two times of the call's clock; silence where nothing was recorded. Defaults to all of it. */
  samples({
    fromMs = this.startMs,
    toMs = this.startMs + this.lengthMs,
  }: {
    fromMs?: number;
    toMs?: number;
  } = {}): Int16Array {
    const from = Math.round(((fromMs - this.startMs) * this.rate) / 1000);
    const to = Math.round(((toMs - this.startMs) * this.rate) / 1000);
    const cut = new Int16Array(Math.max(0, Math.min(to, this.#limit) - Math.max(0, from)));
    cut.set(this.#samples.subarray(Math.max(0, from), Math.max(0, Math.min(to, this.#length))));
    return cut;
  }

  #grow(needed: number): void {
    const grown = new Int16Array(Math.min(this.#limit, Math.max(needed, this.#samples.length * 2)));
    grown.set(this.#samples);
    this.#samples = grown;
  }
}
