// Two words that are the same may be chance; fewer than these are not taken for a repetition.
const LEAST_WORDS = 2;

/**
 * A model that is asked to go on with somebody else's half answer may begin again instead: with the first sentence, with the last
 * one, or with the last few words. What the caller was told is taken out, so that nothing is heard twice.
 */
export class Overlap {
  readonly #said: readonly string[];
  /** The word of what was said that comes next, while the pieces repeat it. Undefined: they do not. */
  #at: number | undefined;
  #begun = false;

  constructor(said: string) {
    this.#said = wordsOf(said).map(bare);
  }

  /** What of the next piece is new; pieces come in their order. */
  strip(piece: string): string {
    const words = wordsOf(piece);
    const plain = words.map(bare);
    const from = this.#begun ? this.#at : this.#find(plain);
    this.#begun = true;
    this.#at = undefined;
    if (from === undefined) return piece;
    let count = 0;
    while (count < plain.length && from + count < this.#said.length && plain[count] === this.#said[from + count])
      count += 1;
    if (count === plain.length && from + count < this.#said.length) this.#at = from + count;
    return words.slice(count).join(" ");
  }

  /** Where in what was said these words stand, to the end of the one or of the other; the longest stretch counts. */
  #find(words: readonly string[]): number | undefined {
    for (let from = 0; from < this.#said.length; from += 1) {
      const length = Math.min(words.length, this.#said.length - from);
      if (length < LEAST_WORDS) break;
      if (words.slice(0, length).every((word, index) => word === this.#said[from + index])) return from;
    }
    return undefined;
  }
}

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

const bare = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
