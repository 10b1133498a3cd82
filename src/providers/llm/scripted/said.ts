import { tokensOf } from "./tokens.ts";

const DIGITS: Readonly<Record<string, string>> = {
  zero: "0",
  oh: "0",
  o: "0",
  nought: "0",
  one: "1",
  two: "2",
  to: "2",
  too: "2",
  three: "3",
  four: "4",
  for: "4",
  five: "5",
  six: "6",
  seven: "7",
  eight: "8",
  nine: "9",
};
// These sound like digits, and are digits only between others.
const ONLY_AMONG_DIGITS = new Set(["to", "too", "for", "o", "oh", "one"]);
const REPEATS: Readonly<Record<string, number>> = { double: 2, triple: 3, treble: 3 };

/** The digits of "double five oh one", "12 34" or keys that were pressed. Empty when there are none. */
export function digitsOf(text: string): string {
  const words = tokensOf(text);
  const certain = words.some((word) => /^\d+$/.test(word) || (word in DIGITS && !ONLY_AMONG_DIGITS.has(word)));
  const alone = words.length <= 2 && words.every((word) => word in DIGITS);
  if (!certain && !alone) return "";
  let digits = "";
  let times = 1;
  for (const word of words) {
    const value = /^\d+$/.test(word) ? word : (DIGITS[word] ?? "");
    digits += value.repeat(times);
    times = REPEATS[word] ?? 1;
  }
  return digits.slice(0, 100);
}

const YES = new Set("yes yeah yep sure correct right okay ok exactly please absolutely".split(" "));
const NO = new Set("no nope not wrong don't never nothing".split(" "));

/** Whether it is a yes or a no; undefined when it is neither. A no wins: "no, that is not right". */
export function yesOrNo(text: string): boolean | undefined {
  const words = tokensOf(text);
  if (words.length > 8) return undefined;
  if (words.some((word) => NO.has(word))) return false;
  return words.some((word) => YES.has(word)) ? true : undefined;
}
