import { plain, wordsOf } from "./language.ts";

export interface Overheard {
  /** More of it may come. */
  readonly partial?: boolean;
  /** The recogniser is not sure that these were the words, or that there were any. */
  readonly doubtful?: boolean;
  /** Phrases that callers are expected to say. */
  readonly hints?: readonly string[];
  /** What was understood while the agent had the floor. */
  readonly text: string;
  readonly language: string;
  /** What the agent has said in the last seconds. */
  readonly playing: string;
  /** The sound was as loud as this caller talks; undefined where nothing is known of that. */
  readonly near: boolean | undefined;
  /** The sound was so much quieter than the caller that it was somebody else's. */
  readonly far: boolean;
  /** The agent is saying goodbye: the caller's own goodbye is no interruption. */
  readonly leaving: boolean;
}

/** Words that take the floor: no back-channel, no echo of what is playing, no goodbye to a goodbye. */
export function takesFloor(overheard: Overheard): boolean {
  const { text, partial = false, doubtful = false, hints = [], language, playing, near, far, leaving } = overheard;
  const words = plain(text);
  if (words === "" || far) return false;
  const lists = wordsOf(language);
  // "I" may become "I see".
  if (isMadeOf(words, lists.backChannels, partial)) return false;
  if (leaving && isMadeOf(words, [...lists.farewells, ...lists.backChannels])) return false;
  if (doubtful && !holdsOne(words, lists.commands) && !hints.some((hint) => plain(hint) === words)) return false;
  // An echo comes back through the line and is quieter than the caller: words as loud as the caller's are the caller's.
  return near === true || !isEcho(words, plain(playing));
}

/** "Mm-hm", "okay", "right": go on. */
export const isBackChannel = (text: string, language: string): boolean => {
  const words = plain(text);
  return words !== "" && isMadeOf(words, wordsOf(language).backChannels);
};

/** Whether `words` is nothing but phrases of the list, in any order and number; `begun`: or may become that. */
function isMadeOf(words: string, phrases: readonly string[], begun = false): boolean {
  const tokens = words.split(" ");
  const reaches = new Array<boolean>(tokens.length + 1).fill(false);
  reaches[0] = true;
  const lists = phrases.map((phrase) => phrase.split(" "));
  for (let at = 0; at < tokens.length; at += 1) {
    if (!reaches[at]) continue;
    const rest = tokens.slice(at);
    if (begun && lists.some((phrase) => rest.length < phrase.length && rest.every((word, i) => phrase[i] === word)))
      return true;
    for (const phrase of lists) {
      if (phrase.every((word, index) => tokens[at + index] === word)) reaches[at + phrase.length] = true;
    }
  }
  return reaches[tokens.length] === true;
}

/** Whether one of the phrases stands in `words`. */
const holdsOne = (words: string, phrases: readonly string[]): boolean =>
  phrases.some((phrase) => ` ${words} `.includes(` ${phrase} `));

/** Most of the words stand in what is playing, in that order: a recogniser that hears an echo gets some of them wrong. */
function isEcho(words: string, playing: string): boolean {
  const heard = words.split(" ");
  const spoken = playing.split(" ");
  const common = longestCommonSubsequence(heard, spoken);
  return heard.length <= 2 ? common === heard.length : common / heard.length >= 0.7;
}

function longestCommonSubsequence(left: readonly string[], right: readonly string[]): number {
  let above = new Array<number>(right.length + 1).fill(0);
  for (const word of left) {
    const row = [0];
    for (let at = 1; at <= right.length; at += 1) {
      const same = right[at - 1] === word ? (above[at - 1] ?? 0) + 1 : 0;
      row.push(Math.max(same, above[at] ?? 0, row[at - 1] ?? 0));
    }
    above = row;
  }
  return above[right.length] ?? 0;
}
