import { type Frame, type SampleRate, samplesPerFrame } from "./frame.ts";

/** Cuts pieces of any length into frames of 20 ms. Each frame is a buffer of its own. */
export class Framer {
  readonly #rate: SampleRate;
  #frame: Int16Array;
  #filled = 0;

  constructor(rate: SampleRate) {
    this.#rate = rate;
    this.#frame = new Int16Array(samplesPerFrame(rate));
  }

  /** The frames that are full now. */
  *push(pcm: Int16Array): Generator<Frame, void, undefined> {
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + this.#frame.length - this.#filled);
      this.#frame.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#frame.length) yield this.#take();
    }
  }

  /** The last, shorter frame; undefined when there is none. */
  flush(): Frame | undefined {
    return this.#filled > 0 ? this.#take() : undefined;
  }

  #take(): Frame {
    const pcm = this.#frame.subarray(0, this.#filled);
    this.#frame = new Int16Array(samplesPerFrame(this.#rate));
    this.#filled = 0;
    return { pcm, rate: this.#rate };
  }
}
