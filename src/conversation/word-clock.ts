import type { WordTime } from "./providers.ts";

interface TimedWord {
  readonly word: string;
  /** When it is over, from the first frame; undefined while the voice has not said. */
  readonly endMs: number | undefined;
}

/** When each word of a piece sounds, as far as the voice says so; for the conversation, and for whoever has to go on. */
export class WordClock {
  readonly #text: string;
  readonly #beforeMs: number;
  readonly #tell: ((words: readonly WordTime[]) => void) | undefined;
  readonly #parts: WordTime[] = [];
  #listening = false;

  /** `beforeMs`: how much of the whole piece others have said before. */
  constructor(
    text: string,
    { beforeMs, tell }: { beforeMs: number; tell: ((words: readonly WordTime[]) => void) | undefined },
  ) {
    this.#text = text;
    this.#beforeMs = beforeMs;
    this.#tell = tell;
  }

  hear(parts: readonly WordTime[]): void {
    this.#parts.push(...parts);
    if (this.#listening) this.#pass(parts);
  }

  /** This voice is the one that is heard. */
  listen(): void {
    this.#listening = true;
    this.#pass(this.#parts);
  }

  #pass(parts: readonly WordTime[]): void {
    const at = this.#beforeMs;
    if (parts.length > 0)
      this.#tell?.(parts.map(({ text, startMs, endMs }) => ({ text, startMs: startMs + at, endMs: endMs + at })));
  }

  /**
   * Between which two words to cut, when `givenMs` cannot be taken back and there is no sound beyond `untilMs`: the last word that is
   * whole. Undefined: it is not known.
   */
  cut({ givenMs, untilMs }: { givenMs: number; untilMs: number }): { atMs: number; rest: string } | undefined {
    const words = this.#words();
    let whole: { atMs: number; rest: string } | undefined;
    for (const [index, { endMs }] of words.entries()) {
      if (endMs === undefined || endMs > untilMs) break;
      const rest = words.slice(index + 1);
      if (endMs >= givenMs) whole = { atMs: endMs, rest: rest.map(({ word }) => word).join(" ") };
    }
    return whole;
  }

  /** The text's words, each with the end of the part that holds its last letter. */
  #words(): TimedWord[] {
    const ends: number[] = [];
    for (const { text, endMs } of this.#parts) for (const letter of text) if (letter.trim() !== "") ends.push(endMs);
    let at = 0;
    return this.#text
      .split(/\s+/)
      .filter((word) => word !== "")
      .map((word) => {
        at += [...word].length;
        return { word, endMs: ends[at - 1] };
      });
  }
}
