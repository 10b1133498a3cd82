import { type Frame, type SampleRate, samplesPerFrame } from "./frame.ts";

/** Cuts pieces of any length into frames of 20 ms, or into up to so many of them as one: nothing waits for what comes later. Each is a buffer of its own. */
export class Framer {
  readonly #rate: SampleRate;
  readonly #atOnce: number;
  readonly #frame: Int16Array;
  #filled = 0;

  constructor(rate: SampleRate, { atOnce = 1 } = {}) {
    this.#rate = rate;
    this.#atOnce = atOnce;
    this.#frame = new Int16Array(samplesPerFrame(rate));
  }

  /** The frames that are full now. */
  *push(pcm: Int16Array): Generator<Frame, void, undefined> {
    const size = this.#frame.length;
    for (let at = 0; at < pcm.length; ) {
      const whole = this.#filled > 0 ? 0 : Math.min(this.#atOnce, Math.floor((pcm.length - at) / size)) * size;
      if (whole > 0) {
        at += whole;
        yield { pcm: pcm.slice(at - whole, at), rate: this.#rate };
        continue;
      }
      const part = pcm.subarray(at, at + size - this.#filled);
      this.#frame.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === size) yield this.#take();
    }
  }

  /** The last, shorter frame; undefined when there is none. */
  flush(): Frame | undefined {
    return this.#filled > 0 ? this.#take() : undefined;
  }

  #take(): Frame {
    const pcm = this.#frame.slice(0, this.#filled);
    this.#filled = 0;
    return { pcm, rate: this.#rate };
  }
}
