import { FRAME_MS, type Frame } from "../audio/frame.ts";
import type { WordTime } from "./providers.ts";
import { WordTimes } from "./word-times.ts";

interface Piece {
  text: string;
  ms: number;
  complete: boolean;
  readonly times: WordTimes;
}

/** Telephone voices speak at 13 to 17 characters a second: until a piece is complete, its length is guessed from its text. */
export const MS_PER_CHARACTER = 65;

/**
 * What a reply said and how long each piece of it lasts, so that heard milliseconds can be turned into heard words.
 * Where the voice says when each word sounds, that holds; else time is shared among a piece's words by their weight, which is
 * within one word of the truth.
 */
export class Spoken {
  readonly #pieces: Piece[] = [];
  readonly #msPerCharacter: number;

  /** `msPerCharacter`: what is known of the voice's pace, for pieces that are not complete. */
  constructor({ msPerCharacter = MS_PER_CHARACTER }: { msPerCharacter?: number } = {}) {
    this.#msPerCharacter = msPerCharacter;
  }

  /** A piece begins; the frames that follow are its own. */
  begin(text: string): void {
    this.end();
    this.#pieces.push({ text, ms: 0, complete: false, times: new WordTimes() });
  }

  /** The piece that has begun goes on with these words: of a voice whose words come along with its sound. */
  more(text: string): void {
    const piece = this.#pieces.at(-1);
    if (piece) piece.text += text;
    else this.begin(text);
  }

  add(frame: Frame): void {
    const piece = this.#pieces.at(-1);
    if (piece)
      piece.ms +=
        frame.pcm.length === (frame.rate * FRAME_MS) / 1000 ? FRAME_MS : (frame.pcm.length * 1000) / frame.rate;
  }

  /** The voice says when the words of the piece that has begun sound. */
  words(times: readonly WordTime[]): void {
    this.#pieces.at(-1)?.times.add(times);
  }

  end(): void {
    const piece = this.#pieces.at(-1);
    if (piece) piece.complete = true;
  }

  get text(): string {
    return this.#pieces.map((piece) => piece.text).join(" ");
  }

  get ms(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.ms, 0);
  }

  /** Which piece is heard at `untilMs`, counted from 0. */
  pieceAt(untilMs: number): number {
    let endMs = 0;
    const later = this.#pieces.findIndex((piece) => {
      endMs += piece.complete ? piece.ms : Math.max(piece.ms, piece.text.length * this.#msPerCharacter);
      return endMs > untilMs;
    });
    return later === -1 ? Math.max(0, this.#pieces.length - 1) : later;
  }

  /** The words that were said by `untilMs`, from `fromMs` on: a word counts when more than half of it was. */
  heard(untilMs: number, fromMs = 0): string {
    let startMs = 0;
    const words: string[] = [];
    for (const piece of this.#pieces) {
      const lengthMs = piece.complete ? piece.ms : Math.max(piece.ms, piece.text.length * this.#msPerCharacter);
      words.push(...wordsBetween(piece, lengthMs, fromMs - startMs, untilMs - startMs));
      startMs += lengthMs;
    }
    return words.join(" ");
  }
}

export interface Said {
  /** How much of the text was said. */
  readonly saidMs: number;
  /** How long all of it takes. */
  readonly lengthMs: number;
  /** Where it was cut: in the middle of a word as far as is known, between two words, or in a pause as between two clauses. */
  readonly cut: "word" | "gap" | "pause";
}

// A clause's end counts for the pause when it is no further from where the pause should be than this share of what was said.
const CLAUSE_WITHIN = 0.3;
// The estimate is off by so much, and to leave a word out is better than to say it twice.
const MARGIN = 0.03;
const MARGIN_MS = 40;

/** The words of `text` that are still to be said. The word that was being said counts as said: nothing is heard twice. */
export function wordsAfter(text: string, { saidMs, lengthMs, cut }: Said): string {
  const words = text.split(" ").filter((word) => word !== "");
  const msPerWeight = lengthMs / weightOf(text);
  let endMs = 0;
  const ends = words.map((word, index) => {
    endMs += weight(word) * msPerWeight;
    return { next: index + 1, endMs, offMs: Math.abs(endMs - saidMs), clause: /[.,!?…:;–—]["”»)]*$/u.test(word) };
  });
  if (cut === "pause") {
    const clauses = ends.filter(({ clause, offMs }) => clause && offMs <= saidMs * CLAUSE_WITHIN);
    const [nearest] = clauses.toSorted((a, b) => a.offMs - b.offMs);
    if (nearest) return words.slice(nearest.next).join(" ");
  }
  // What was cut between two words has ended a word; of another one part may have been heard.
  const slackMs = cut === "word" ? MARGIN_MS : -MARGIN_MS;
  const untilMs = saidMs * (1 + MARGIN) + slackMs;
  return words.slice(ends.find((end) => end.endMs >= untilMs)?.next ?? words.length).join(" ");
}

/** How long a text takes, against others. */
export const weightOf = (text: string): number =>
  text
    .split(" ")
    .filter((word) => word !== "")
    .reduce((sum, word) => sum + weight(word), 0);

function wordsBetween({ text, times, complete }: Piece, lengthMs: number, fromMs: number, untilMs: number): string[] {
  if (untilMs <= 0 || fromMs >= lengthMs) return [];
  const words = text.split(" ").filter((word) => word !== "");
  const told = times.middles(words, { lengthMs, complete });
  const weights = words.map(weight);
  const msPerWeight = lengthMs / weights.reduce((sum, each) => sum + each, 0);
  let atMs = 0;
  return words.filter((_, index) => {
    const middleMs = told?.[index] ?? atMs + ((weights[index] ?? 0) * msPerWeight) / 2;
    atMs += (weights[index] ?? 0) * msPerWeight;
    return middleMs < untilMs && middleMs >= fromMs;
  });
}

/**
 * How long a word takes, against others: by its vowels, its letters and the pause of a mark that follows it; a figure is a word of
 * its own. Fitted to two synthetic English voices: 19 of 20 cuts fall within one word.
 */
function weight(word: string): number {
  const vowels = word.match(/[aeiouyäöüáéíóúàèùâêîôûœ]+/giu)?.length ?? 0;
  const figures = word.match(/\d/g)?.length ?? 0;
  const letters = word.match(/\p{L}/gu)?.length ?? 0;
  const mark = /[.,!?…:;]["”»)]*$/u.test(word) ? 2.5 : 0;
  return 0.25 + vowels * 0.5 + letters * 0.35 + figures * 2 + mark;
}
