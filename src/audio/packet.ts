import { FRAME_MS, type SampleRate, samplesPerFrame } from "./frame.ts";

// A loop that stood still has more frames due at once than any lead.
const MAX_MS = 400;

/** Frames that leave together: a message for each would cost more than all that is in it. */
export class Packet {
  readonly #samples: Int16Array;
  readonly #send: (pcm: Int16Array) => void;
  #filled = 0;

  /** `send` gets a view that is written into again: it must copy what it keeps. */
  constructor(rate: SampleRate, send: (pcm: Int16Array) => void) {
    this.#samples = new Int16Array((samplesPerFrame(rate) * MAX_MS) / FRAME_MS);
    this.#send = send;
  }

  add(pcm: Int16Array): void {
    if (this.#filled + pcm.length > this.#samples.length) this.leave();
    this.#samples.set(pcm, this.#filled);
    this.#filled += pcm.length;
  }

  leave(): void {
    if (this.#filled === 0) return;
    this.#send(this.#samples.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** What has not left is nothing any more. */
  forget(): void {
    this.#filled = 0;
  }
}
