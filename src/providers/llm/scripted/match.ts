import type { Intent, Script } from "./script.ts";
import { isCarrier, likeness, stem, tokensOf } from "./tokens.ts";

export interface Match {
  readonly intent: Intent;
  readonly score: number;
  /** How much of what was said, by weight, the intent explains: 0 to 1. */
  readonly coverage: number;
}

/** Whether a word says how something is asked, not what. */
type Carries = (word: string) => boolean;

export type Matcher = (text: string) => Match | undefined;

interface Terms {
  readonly intent: Intent;
  /** Stem to strength. */
  readonly words: ReadonlyMap<string, number>;
  readonly pairs: ReadonlySet<string>;
  /** Keywords of several words, as stems: they count when all of them were said. */
  readonly groups: readonly (readonly string[])[];
  readonly sentences: ReadonlySet<string>;
}

const KEYWORD = 1;
/** "where" as a keyword points to an intent, but any other keyword beside it says more. */
const KEYWORD_CARRIER = 0.5;
const PHRASE_WORD = 0.6;
const PHRASE_CARRIER = 0.05;
const PAIR = 0.3;
const GROUP = 0.8;
/** A whole phrase within a longer sentence. */
const CONTAINED = 0.8;
/** What an unexplained "could you tell me" counts against a match. */
const CARRIER_WEIGHT = 0.08;
const MIN_SCORE = 0.85;
const MIN_COVERAGE = 0.34;

/** Prepares a script for matching: what few intents share says more than what many do. */
export function createMatcher(script: Script, language = "en"): Matcher {
  const carries: Carries = (word) => isCarrier(word, language);
  const terms = script.intents.map((intent) => termsOf(intent, carries));
  const share = sharesOf(terms);
  return (text) => {
    const heard = tokensOf(text).slice(0, 60);
    if (heard.length === 0) return undefined;
    const sentence = heard.join(" ");
    let best: Match | undefined;
    for (const term of terms) {
      const match = term.sentences.has(sentence)
        ? { intent: term.intent, score: 100, coverage: 1 }
        : scoreOf(
            heard,
            term,
            { share, carries },
            [...term.sentences].some((phrase) => ` ${sentence} `.includes(` ${phrase} `)),
          );
      if (!best || match.score > best.score) best = match;
    }
    return best && best.score >= MIN_SCORE && best.coverage >= MIN_COVERAGE ? best : undefined;
  };
}

function termsOf(intent: Intent, carries: Carries): Terms {
  const words = new Map<string, number>();
  const pairs = new Set<string>();
  const strengthen = (word: string, strength: number): void => {
    words.set(word, Math.max(words.get(word) ?? 0, strength));
  };
  for (const phrase of intent.phrases) {
    const tokens = tokensOf(phrase);
    for (const [index, token] of tokens.entries()) {
      strengthen(stem(token), carries(token) ? PHRASE_CARRIER : PHRASE_WORD);
      const next = tokens[index + 1];
      if (next) pairs.add(`${stem(token)} ${stem(next)}`);
    }
  }
  const groups: string[][] = [];
  const keywords = [...intent.keywords, ...intent.follow.flatMap((follow) => follow.keywords)];
  for (const keyword of keywords) {
    const tokens = tokensOf(keyword);
    const [only, second] = tokens;
    if (only && !second) strengthen(stem(only), carries(only) ? KEYWORD_CARRIER : KEYWORD);
    else groups.push(tokens.map(stem));
  }
  return {
    intent,
    words,
    pairs,
    groups,
    sentences: new Set(intent.phrases.map((phrase) => tokensOf(phrase).join(" "))),
  };
}

/** How much of a word belongs to an intent: less for each further intent that has it. */
type Share = (term: string, strength: number) => number;

function sharesOf(terms: readonly Terms[]): Share {
  const sums = new Map<string, number>();
  const add = (term: string, strength: number): void => {
    sums.set(term, (sums.get(term) ?? 0) + strength);
  };
  for (const { words, pairs, groups } of terms) {
    for (const [word, strength] of words) add(word, strength);
    for (const pair of pairs) add(pair, PAIR);
    for (const group of groups) add(group.join("+"), GROUP);
  }
  return (term, strength) => strength * Math.sqrt(strength / Math.max(strength, sums.get(term) ?? 0));
}

function scoreOf(
  heard: readonly string[],
  { intent, words, pairs, groups }: Terms,
  { share, carries }: { share: Share; carries: Carries },
  contained: boolean,
): Match {
  const stems = heard.map(stem);
  const grouped = groups.filter((group) => group.every((word) => stems.includes(word)));
  let score = Math.max(contained ? CONTAINED : 0, ...grouped.map((group) => share(group.join("+"), GROUP)));
  let explained = 0;
  let said = 0;
  const counted = new Set<string>();
  for (const [index, word] of stems.entries()) {
    const [wanted, alike] = closest(word, words);
    const strength = alike === 0 ? 0 : alike * share(wanted, words.get(wanted) ?? 0);
    const inGroup = grouped.some((group) => group.includes(word));
    const weight = carries(heard[index] ?? "") && strength < 0.3 && !inGroup ? CARRIER_WEIGHT : 1;
    said += weight;
    explained += weight * (inGroup ? 1 : strength > 0 ? alike : 0);
    if (!counted.has(wanted)) score += strength;
    counted.add(wanted);
    const pair = `${word} ${stems[index + 1] ?? ""}`;
    if (pairs.has(pair) && !counted.has(pair)) score += share(pair, PAIR);
    counted.add(pair);
  }
  return { intent, score, coverage: said === 0 ? 0 : explained / said };
}

function closest(word: string, words: ReadonlyMap<string, number>): readonly [string, number] {
  if (words.has(word)) return [word, 1];
  let best: readonly [string, number] = ["", 0];
  for (const wanted of words.keys()) {
    const alike = likeness(word, wanted);
    if (alike > best[1]) best = [wanted, alike];
  }
  return best;
}
