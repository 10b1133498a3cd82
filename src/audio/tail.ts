/** The last samples of a stream, the older ones forgotten. Writing allocates nothing. */
export class SampleTail {
  readonly #samples: Int16Array;
  #at = 0;
  #filled = 0;

  constructor(capacity: number) {
    this.#samples = new Int16Array(capacity);
  }

  /** Copies. */
  push(pcm: Int16Array): void {
    const size = this.#samples.length;
    const kept = pcm.length > size ? pcm.subarray(pcm.length - size) : pcm;
    const untilWrap = Math.min(kept.length, size - this.#at);
    this.#samples.set(untilWrap === kept.length ? kept : kept.subarray(0, untilWrap), this.#at);
    if (untilWrap < kept.length) this.#samples.set(kept.subarray(untilWrap), 0);
    this.#at = (this.#at + kept.length) % size;
    this.#filled = Math.min(size, this.#filled + kept.length);
  }

  /** A copy of the last `samples`, or of as many as there are. */
  last(samples: number): Int16Array<ArrayBuffer> {
    const size = this.#samples.length;
    const count = Math.max(0, Math.min(samples, this.#filled));
    const from = (this.#at - count + size) % size;
    const out = new Int16Array(count);
    const untilWrap = Math.min(count, size - from);
    out.set(this.#samples.subarray(from, from + untilWrap));
    out.set(this.#samples.subarray(0, count - untilWrap), untilWrap);
    return out;
  }
}
