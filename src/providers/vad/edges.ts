/** Counts frames into edges: speech after `onsetFrames` voiced ones among the last `onsetFrames` + 1, silence after `hangFrames` quiet ones. */
export class Edges {
  readonly #onsetFrames: number;
  readonly #hangFrames: number;
  // Of the last frames one bit each, the newest lowest.
  #recent = 0;
  #quiet = 0;
  speaking = false;

  constructor({ onsetFrames, hangFrames }: { onsetFrames: number; hangFrames: number }) {
    this.#onsetFrames = onsetFrames;
    this.#hangFrames = hangFrames;
  }

  /** `believed`: false holds an onset back; it comes with the first frame that is believed. */
  push(voiced: boolean, believed = true): "speech" | "silence" | undefined {
    this.#recent = ((this.#recent << 1) | (voiced ? 1 : 0)) & ((1 << (this.#onsetFrames + 1)) - 1);
    this.#quiet = voiced ? 0 : this.#quiet + 1;
    if (!this.speaking && voiced && believed && bits(this.#recent) >= this.#onsetFrames) {
      this.speaking = true;
      return "speech";
    }
    if (this.speaking && this.#quiet >= this.#hangFrames) {
      this.speaking = false;
      this.#recent = 0;
      return "silence";
    }
    return undefined;
  }

  /** Whether fvad alone would have said "speech" by now. */
  get likely(): boolean {
    return !this.speaking && (this.#recent & 1) === 1 && bits(this.#recent) >= this.#onsetFrames;
  }

  /** The last frame is believed after all: true when that is an onset. */
  believe(): boolean {
    if (!this.likely) return false;
    this.speaking = true;
    return true;
  }

  reset(): void {
    this.#recent = 0;
    this.#quiet = 0;
    this.speaking = false;
  }
}

function bits(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}
