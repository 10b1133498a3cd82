/** Samples between a writer and a reader who may go back: kept from the place that was released up to the end. */
export class SampleRing {
  readonly #samples: Int16Array;
  #end = 0;
  #released = 0;

  constructor(capacity: number) {
    this.#samples = new Int16Array(capacity);
  }

  /** How many samples were written since the last `clear`: the position after the last one. */
  get end(): number {
    return this.#end;
  }

  /** Copies. False, and nothing is written, when there is no room for all of it. */
  write(pcm: Int16Array): boolean {
    if (this.#end + pcm.length - this.#released > this.#samples.length) return false;
    const at = this.#end % this.#samples.length;
    const untilWrap = Math.min(pcm.length, this.#samples.length - at);
    this.#samples.set(untilWrap === pcm.length ? pcm : pcm.subarray(0, untilWrap), at);
    if (untilWrap < pcm.length) this.#samples.set(pcm.subarray(untilWrap), 0);
    this.#end += pcm.length;
    return true;
  }

  /** Copies up to `out.length` samples from position `from`; returns how many there were. */
  read(from: number, out: Int16Array): number {
    const count = Math.max(0, Math.min(out.length, this.#end - from));
    let at = from % this.#samples.length;
    for (let i = 0; i < count; i++) {
      out[i] = this.#samples[at] as number;
      if (++at === this.#samples.length) at = 0;
    }
    return count;
  }

  /** What lies before this position is not wanted any more. */
  release(position: number): void {
    this.#released = Math.max(this.#released, Math.min(position, this.#end));
  }

  clear(): void {
    this.#end = this.#released = 0;
  }
}
