import type { Corpus } from "./arpa.ts";

// How callers wrap what they want. "_" stands for what the agent's file names; the weights come from measuring (docs/decisions/0005).
const OPENERS = [
  "could you tell me",
  "can you tell me",
  "i would like to know",
  "do you know",
  "please",
  "sorry",
  "hello",
  "excuse me",
  "i want to know",
  "i want to ask",
  "may i ask",
  "tell me",
  "okay",
  "and",
  "hi",
];
const FRAMES = [
  "_",
  "the _",
  "your _",
  "a _",
  "my _",
  "is the _",
  "is there _",
  "is there a _",
  "is there any _",
  "do you have _",
  "do you have a _",
  "where is the _",
  "when is the _",
  "how much is the _",
  "what is the _",
  "what is your _",
  "what are the _",
  "what are your _",
  "what about _",
  "what about the _",
  "about _",
  "about the _",
  "about my _",
  "about your _",
  "i need _",
  "i need a _",
  "i need the _",
  "i need my _",
  "i need a new _",
  "i want _",
  "i want to _",
  "i would like to _",
  "i would like a _",
  "i have to _",
  "can i _",
  "could i _",
  "may i _",
  "can you _",
  "could you _",
  "do you _",
  "are you _",
  "how can i _",
  "where can i _",
  "when can i _",
  "how do i _",
  "where do i _",
  "when do you _",
  "i am calling about the _",
  "i am calling about my _",
  "_ please",
  "_ today",
  "_ tomorrow",
  "and on _",
  "on _",
  "in the _",
  "for _",
  "for a _",
  "to _",
  "to the _",
  "how much does the _ cost",
  "how much does _ cost",
  "what time do you _",
  "which _",
  "my _ is",
  "are my _ ready",
  "i have no _",
  "i do not want _",
  "let me _",
  "_ to a",
  "_ to the",
  "with a _",
  "with the _",
  "do you take _",
  "do you give _",
];
const COMMON = [
  "yes",
  "no",
  "yes please",
  "no thank you",
  "thank you",
  "thanks",
  "okay",
  "goodbye",
  "bye bye",
  "hello",
  "what time",
  "until when",
  "how long",
  "how much",
  "how far",
  "that is all",
  "that was all",
  "pardon",
  "can you repeat that",
  "stop",
  "wait",
  "yes that is right",
];
// Said over an agent who is talking: to go on, or to be silent.
const OVER_THE_AGENT = [
  "mhm",
  "uh-huh",
  "right",
  "okay right",
  "yeah",
  "i see",
  "stop stop",
  "stop please",
  "wait please",
  "wait a moment",
  "hold on",
  "hold on please",
  "please repeat that",
];
const NUMBERS = "zero oh one two three four five six seven eight nine".split(" ");

/** What callers of this agent are likely to say: its phrases, parts of them, and its keywords in the frames of everyday questions. */
export function corpusOf(hints: readonly string[]): Corpus {
  const corpus = new Map<string, number>();
  const add = (text: string, weight: number): void => {
    corpus.set(text, (corpus.get(text) ?? 0) + weight);
  };
  for (const hint of hints.map(plain)) {
    const words = hint.split(" ").filter(Boolean);
    if (words.length >= 3) addPhrase(words, add);
    else if (words.length > 0) for (const frame of FRAMES) add(frame.replace("_", words.join(" ")), 0.15);
  }
  for (const text of [...COMMON, ...OVER_THE_AGENT, ...OPENERS]) add(text, 1);
  if (hints.some((hint) => NUMBERS.includes(hint))) addNumbers(add);
  return corpus;
}

function addPhrase(words: readonly string[], add: (text: string, weight: number) => void): void {
  const phrase = words.join(" ");
  add(phrase, 4);
  add(`${phrase} please`, 0.5);
  for (const opener of OPENERS) add(`${opener} ${phrase}`, 0.5);
  for (let at = 1; at < words.length - 1; at++) {
    add(words.slice(at).join(" "), 0.3);
    add(words.slice(0, at + 1).join(" "), 0.2);
  }
}

/** Any digit may follow any other. */
function addNumbers(add: (text: string, weight: number) => void): void {
  for (const [one, first] of NUMBERS.entries()) {
    for (const [two, second] of NUMBERS.entries()) {
      const third = NUMBERS[(one + 3 * two + 1) % NUMBERS.length];
      add(`${first} ${second} ${third} ${first} ${second}`, 2);
    }
  }
}

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z' ]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();
