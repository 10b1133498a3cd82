import { type NumberWords, saidWords } from "./said-words.ts";
import { tokensOf } from "./tokens.ts";

const DIGITS_MAX = 100;
/** "quatre vingt dix neuf" is read piece by piece; no number's name has more words than this in one piece. */
const NAME_WORDS = 2;

/** The digits of "double five oh one", "zéro six douze", "12 34" or keys that were pressed. Empty when there are none. */
export function digitsOf(text: string, language: string): string {
  const { numbers } = saidWords(language);
  const words = tokensOf(text);
  const read: Read[] = [];
  for (let at = 0; at < words.length; at += read.at(-1)?.used ?? 1) read.push(numberAt(words, at, numbers));
  const certain = read.some(({ digits, sure }) => digits !== "" && sure);
  const alone = words.length <= 2 && read.every(({ digits }) => digits !== "");
  if (!certain && !alone) return "";
  let digits = "";
  let times = 1;
  for (const [at, { digits: value, sure, word }] of read.entries()) {
    const beside = isNumber(read[at - 1]) || isNumber(read[at + 1]) || times > 1;
    if (sure || alone || beside) digits += value.repeat(times);
    times = numbers.repeats.get(word) ?? 1;
  }
  return digits.slice(0, DIGITS_MAX);
}

/** A number, or the one word that is none. */
interface Read {
  readonly word: string;
  readonly digits: string;
  /** It is a number wherever it stands. */
  readonly sure: boolean;
  /** Words of what was said. */
  readonly used: number;
}

const isNumber = (read: Read | undefined): boolean => read !== undefined && read.digits !== "";

function numberAt(words: readonly string[], at: number, numbers: NumberWords): Read {
  const word = words[at] ?? "";
  const sure = !numbers.onlyBesideOthers.includes(word);
  if (/^\d+$/.test(word)) return { word, digits: word, sure: true, used: 1 };
  const ten = named(words, at, numbers.tens);
  if (ten) {
    const rest = restAfter(words, at + ten.used, ten.value, numbers);
    return { word, digits: String(ten.value + rest.value), sure: true, used: ten.used + rest.used };
  }
  const whole = named(words, at, numbers.whole);
  return whole ? { word, digits: String(whole.value), sure, used: whole.used } : { word, digits: "", sure, used: 1 };
}

interface Named {
  readonly value: number;
  readonly used: number;
}

/** The longest name in a list that begins here. */
function named(words: readonly string[], at: number, names: ReadonlyMap<string, number>): Named | undefined {
  for (let used = NAME_WORDS; used > 0; used--) {
    const value = names.get(words.slice(at, at + used).join(" "));
    if (value !== undefined && at + used <= words.length) return { value, used };
  }
  return undefined;
}

/** What belongs to the tens before it: "three" after "twenty", "et onze" after "soixante". */
function restAfter(words: readonly string[], at: number, tens: number, numbers: NumberWords): Named {
  const { and, whole, twenties } = numbers;
  const joined = and !== undefined && words[at] === and.word;
  const rest = and?.must && !joined ? undefined : named(words, at + (joined ? 1 : 0), whole);
  const below = twenties.includes(tens) ? 20 : 10;
  if (!rest || rest.value === 0 || rest.value >= below || startsTens(words, at + (joined ? 1 : 0), numbers))
    return { value: 0, used: 0 };
  return { value: rest.value, used: rest.used + (joined ? 1 : 0) };
}

/** "quatre" in "quarante quatre-vingts" is not the four of forty-four. */
const startsTens = (words: readonly string[], at: number, { tens, whole }: NumberWords): boolean =>
  whole.has(words[at] ?? "") && named(words, at, tens) !== undefined;

const WORDS_MAX = 8;

/** Whether it is a yes or a no; undefined when it is neither. A no wins: "no, that is not right". */
export function yesOrNo(text: string, language: string): boolean | undefined {
  const { yes, no } = saidWords(language);
  const words = tokensOf(text);
  if (words.length > WORDS_MAX) return undefined;
  if (words.some((word) => no.includes(word))) return false;
  return words.some((word) => yes.includes(word)) ? true : undefined;
}
