import type { SampleRate } from "../../../src/audio/frame.ts";

/** Words that a fake recogniser understands from the sound itself: each is a tone of its own. */
export const VOCABULARY = [
  "hello",
  "yes",
  "no",
  "please",
  "stop",
  "help",
  "book",
  "a",
  "table",
  "for",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "zero",
  "today",
  "tomorrow",
  "morning",
  "evening",
  "at",
  "and",
  "the",
  "my",
  "name",
  "is",
  "number",
  "order",
  "open",
  "close",
  "when",
  "where",
  "what",
  "thank",
  "you",
  "goodbye",
] as const;

const FIRST_HZ = 400;
const STEP_HZ = 60;
const WORD_MS = 160;
const GAP_MS = 60;
const LEVEL = 8000;
const LOUD = 300;
// A word of which less was heard is not understood.
const LEAST_MS = 80;

/** Sound that says these words of VOCABULARY, 220 ms each. Survives µ-law and being cut into pieces anywhere between words. */
export function spokenWords(text: string, rate: SampleRate): Int16Array {
  const words = text.split(" ").filter((word) => word !== "");
  const perWord = (rate * (WORD_MS + GAP_MS)) / 1000;
  const pcm = new Int16Array(words.length * perWord);
  for (const [index, word] of words.entries()) {
    const place = (VOCABULARY as readonly string[]).indexOf(word);
    if (place < 0) throw new Error(`"${word}" is not in the fake vocabulary`);
    const hz = FIRST_HZ + STEP_HZ * place;
    for (let at = 0; at < (rate * WORD_MS) / 1000; at++) {
      pcm[index * perWord + at] = LEVEL * Math.sin((2 * Math.PI * hz * at) / rate);
    }
  }
  return pcm;
}

/** Turns such sound back into words, by counting how often it crosses zero. */
export class WordDecoder {
  readonly #rate: number;
  #crossings = 0;
  #samples = 0;
  #quiet = 0;
  #last = 0;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** The words that ended in this sound. */
  push(pcm: Int16Array): string[] {
    const words: string[] = [];
    for (const sample of pcm) {
      const sign = Math.abs(sample) < LOUD ? 0 : Math.sign(sample);
      this.#quiet = sign === 0 ? this.#quiet + 1 : 0;
      if (this.#quiet <= this.#rate / 100) {
        this.#samples++;
        if (sign * this.#last < 0) this.#crossings++;
        if (sign !== 0) this.#last = sign;
      } else if (this.#samples > 0) {
        const word = this.#word();
        if (word !== undefined) words.push(word);
      }
    }
    return words;
  }

  #word(): string | undefined {
    const samples = this.#samples - this.#rate / 100;
    const hz = (this.#crossings * this.#rate) / (2 * samples);
    this.#crossings = this.#samples = this.#last = 0;
    return samples < (this.#rate * LEAST_MS) / 1000 ? undefined : VOCABULARY[Math.round((hz - FIRST_HZ) / STEP_HZ)];
  }
}
