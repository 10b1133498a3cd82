import type { WordTime } from "./providers.ts";

// A minute of speech has a thousand characters.
const TIMES_MAX = 10_000;

/** Letters and figures are what both sides count alike: vendors leave marks out, or put white space between. */
const lettersOf = (text: string): number => text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;

/** When the letters of a piece sound, as its voice says. */
export class WordTimes {
  /** After so many letters it is so late; both only grow. */
  readonly #marks: { letters: number; ms: number }[] = [];
  #letters = 0;

  add(times: readonly WordTime[]): void {
    for (const { text, startMs, endMs } of times) {
      const letters = lettersOf(text);
      if (letters === 0 || this.#marks.length >= TIMES_MAX) continue;
      const before = this.#marks.at(-1)?.ms ?? 0;
      const start = Math.max(before, startMs);
      this.#marks.push({ letters: this.#letters, ms: start });
      this.#letters += letters;
      this.#marks.push({ letters: this.#letters, ms: Math.max(start, endMs) });
    }
  }

  /**
   * The middle of each word, in ms from the piece's beginning; undefined for a piece of which nothing is known. What the voice
   * spoke in other letters than those of the text (figures, as words) is spread over them; what it has not told of yet lies in the
   * rest of the piece's length.
   */
  middles(
    words: readonly string[],
    { lengthMs, complete }: { lengthMs: number; complete: boolean },
  ): number[] | undefined {
    if (this.#letters === 0) return undefined;
    const counts = words.map(lettersOf);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const scale = complete && total > 0 ? this.#letters / total : 1;
    let before = 0;
    return counts.map((count) => {
      const middle = (before + count / 2) * scale;
      before += count;
      return middle <= this.#letters ? this.#at(middle) : this.#beyond(middle, total, lengthMs);
    });
  }

  #at(letters: number): number {
    const next = this.#marks.findIndex((mark) => mark.letters >= letters && mark.letters > 0);
    const end = this.#marks[next];
    const begin = this.#marks[next - 1];
    if (!end || !begin || end.letters === begin.letters) return end?.ms ?? 0;
    return begin.ms + ((letters - begin.letters) / (end.letters - begin.letters)) * (end.ms - begin.ms);
  }

  #beyond(letters: number, total: number, lengthMs: number): number {
    const known = this.#marks.at(-1)?.ms ?? 0;
    const share = (letters - this.#letters) / Math.max(1, total - this.#letters);
    return known + share * Math.max(0, lengthMs - known);
  }
}
