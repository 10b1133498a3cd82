import type { Intent, Script } from "./script.ts";
import { isCarrier, likeness, stem, tokensOf } from "./tokens.ts";

export interface Match {
  readonly intent: Intent;
  readonly score: number;
  /** How much of what was said, by weight, the intent explains: 0 to 1. */
  readonly coverage: number;
}

export type Matcher = (text: string) => Match | undefined;

interface Terms {
  readonly intent: Intent;
  /** Stem to strength. */
  readonly words: ReadonlyMap<string, number>;
  readonly pairs: ReadonlySet<string>;
  readonly sentences: ReadonlySet<string>;
}

const KEYWORD = 1;
/** "where" as a keyword points to an intent, but any other keyword beside it says more. */
const KEYWORD_CARRIER = 0.5;
const PHRASE_WORD = 0.6;
const PHRASE_CARRIER = 0.05;
const PAIR = 0.35;
const MIN_SCORE = 0.85;
const MIN_COVERAGE = 0.34;

/** Prepares a script for matching: what few intents share says more than what many do. */
export function createMatcher(script: Script): Matcher {
  const terms = script.intents.map(termsOf);
  const rarity = rarityOf(terms);
  return (text) => {
    const heard = tokensOf(text).slice(0, 60);
    if (heard.length === 0) return undefined;
    const sentence = heard.join(" ");
    let best: Match | undefined;
    for (const term of terms) {
      const match = term.sentences.has(sentence)
        ? { intent: term.intent, score: 100, coverage: 1 }
        : scoreOf(heard, term, rarity);
      if (!best || match.score > best.score) best = match;
    }
    return best && best.score >= MIN_SCORE && best.coverage >= MIN_COVERAGE ? best : undefined;
  };
}

function termsOf(intent: Intent): Terms {
  const words = new Map<string, number>();
  const pairs = new Set<string>();
  const strengthen = (word: string, strength: number): void => {
    words.set(word, Math.max(words.get(word) ?? 0, strength));
  };
  for (const phrase of intent.phrases) {
    const tokens = tokensOf(phrase);
    for (const [index, token] of tokens.entries()) {
      strengthen(stem(token), isCarrier(token) ? PHRASE_CARRIER : PHRASE_WORD);
      const next = tokens[index + 1];
      if (next) pairs.add(`${stem(token)} ${stem(next)}`);
    }
  }
  const keywords = [...intent.keywords, ...intent.follow.flatMap((follow) => follow.keywords)];
  for (const keyword of keywords) for (const token of tokensOf(keyword)) strengthen(stem(token), isCarrier(token) ? KEYWORD_CARRIER : KEYWORD);
  return { intent, words, pairs, sentences: new Set(intent.phrases.map((phrase) => tokensOf(phrase).join(" "))) };
}

type Rarity = (word: string) => number;

/** 1 for a word of a single intent, less for each further one that has it. */
function rarityOf(terms: readonly Terms[]): Rarity {
  const seen = new Map<string, number>();
  for (const { words, pairs } of terms) {
    for (const [word, strength] of words) seen.set(word, (seen.get(word) ?? 0) + Math.min(1, strength / PHRASE_WORD));
    for (const pair of pairs) seen.set(pair, (seen.get(pair) ?? 0) + 1);
  }
  return (word) => 1 / (1 + 0.6 * Math.max(0, (seen.get(word) ?? 0) - 1));
}

function scoreOf(heard: readonly string[], { intent, words, pairs }: Terms, rarity: Rarity): Match {
  let score = 0;
  let explained = 0;
  let said = 0;
  const counted = new Set<string>();
  for (const [index, token] of heard.entries()) {
    const word = stem(token);
    const [wanted, alike] = closest(word, words);
    const strength = alike * (words.get(wanted) ?? 0) * rarity(wanted);
    const weight = isCarrier(token) && strength < 0.3 ? 0.08 : 1;
    said += weight;
    explained += weight * (strength > 0 ? alike : 0);
    if (!counted.has(wanted)) score += strength;
    counted.add(wanted);
    const pair = `${word} ${stem(heard[index + 1] ?? "")}`;
    if (pairs.has(pair) && !counted.has(pair)) score += PAIR * rarity(pair);
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
