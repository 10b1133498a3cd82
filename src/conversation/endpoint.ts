import { plain, wordsOf } from "./language.ts";

const SHORTEST_MS = 250;
const LONGEST_MS = 3_000;
// A number of seven figures or more is taken for whole; callers read the shorter groups of one with pauses between.
const WHOLE_NUMBER_DIGITS = 7;

export interface Pause {
  /** The caller's words so far. */
  readonly text: string;
  readonly language: string;
  /** What the agent's file allows a caller, in ms. */
  readonly pauseMs: number;
  /** The agent's last words were a question. */
  readonly asked: boolean;
}

/**
 * How long after the caller's last voiced frame the turn counts as over, in ms, by the shape of the words so far:
 * a trailing "and", a hesitation or half a number wait longer, a finished yes or no waits less.
 */
export function endpointMs({ text, language, pauseMs, asked }: Pause): number {
  const words = plain(text);
  const lists = wordsOf(language);
  if (words === "") return pauseMs;
  if (asked && lists.yesNo.includes(words)) return Math.max(SHORTEST_MS, Math.round(pauseMs * 0.6));
  if (lists.unfinished.some((ending) => words === ending || words.endsWith(` ${ending}`)))
    return Math.min(LONGEST_MS, pauseMs * 2);
  if (isHalfNumber(words, lists.digits)) return Math.min(LONGEST_MS, pauseMs * 2);
  return pauseMs;
}

/** Three to six figures at the end: more may come. One or two are a choice, a day or an hour. */
function isHalfNumber(words: string, digitWords: readonly string[]): boolean {
  let figures = 0;
  for (const word of words.split(" ").reverse()) {
    if (/^\d+$/.test(word)) figures += word.length;
    else if (digitWords.includes(word)) figures += 1;
    else break;
  }
  return figures >= 3 && figures < WHOLE_NUMBER_DIGITS;
}
