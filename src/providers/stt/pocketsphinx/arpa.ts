/** Sentences and how often each is to be expected. */
export type Corpus = ReadonlyMap<string, number>;

const START = "<s>";
const DISCOUNT = 0.5;

/** Trigrams with absolute discounting, in the ARPA text format that sphinxbase reads. */
export function arpaOf(corpus: Corpus): string {
  const [one, two, three] = countsOf(corpus);
  const afterOne = historiesOf(two);
  const afterTwo = historiesOf(three);
  let total = 0;
  for (const [word, count] of one) if (word !== START) total += count;
  const p1 = (word: string): number => (word === START ? 1e-9 : (one.get(word) ?? 0.01) / total);
  const p2 = (pair: string): number => discounted(two, pair) / (afterOne.get(headOf(pair))?.total ?? 1);
  const p3 = (triple: string): number => discounted(three, triple) / (afterTwo.get(headOf(triple))?.total ?? 1);
  const rest1 = (word: string): number => leftOver(word, afterOne, p2, p1);
  const smooth2 = (head: string, word: string): number =>
    two.has(`${head} ${word}`) ? p2(`${head} ${word}`) : rest1(head) * p1(word);
  const rest2 = (pair: string): number => leftOver(pair, afterTwo, p3, (word) => smooth2(tailOf(pair), word));

  const lines = ["\\data\\", `ngram 1=${one.size}`, `ngram 2=${two.size}`, `ngram 3=${three.size}`];
  lines.push("", "\\1-grams:");
  for (const word of [...one.keys()].sort()) {
    lines.push(`${word === START ? "-99" : log(p1(word))} ${word} ${log(rest1(word))}`);
  }
  lines.push("", "\\2-grams:");
  for (const pair of [...two.keys()].sort()) lines.push(`${log(p2(pair))} ${pair} ${log(rest2(pair))}`);
  lines.push("", "\\3-grams:");
  for (const triple of [...three.keys()].sort()) lines.push(`${log(p3(triple))} ${triple}`);
  lines.push("", "\\end\\", "");
  return lines.join("\n");
}

type Counts = Map<string, number>;

function countsOf(corpus: Corpus): readonly [Counts, Counts, Counts] {
  const counts: readonly [Counts, Counts, Counts] = [new Map(), new Map(), new Map()];
  for (const [sentence, weight] of corpus) {
    const words = [START, ...sentence.split(" "), "</s>"];
    for (const [order, count] of counts.entries()) {
      for (let at = 0; at + order < words.length; at++) {
        const gram = words.slice(at, at + order + 1).join(" ");
        count.set(gram, (count.get(gram) ?? 0) + weight);
      }
    }
  }
  return counts;
}

interface History {
  total: number;
  readonly words: string[];
}

type Histories = ReadonlyMap<string, History>;

function historiesOf(counts: Counts): Histories {
  const histories = new Map<string, History>();
  for (const [gram, count] of counts) {
    const history = histories.get(headOf(gram)) ?? { total: 0, words: [] };
    history.total += count;
    history.words.push(tailOf(gram));
    histories.set(headOf(gram), history);
  }
  return histories;
}

/** What discounting took from the words seen after a history, for those not seen, relative to what the shorter model gives those. */
function leftOver(
  head: string,
  after: Histories,
  long: (gram: string) => number,
  short: (word: string) => number,
): number {
  const history = after.get(head);
  if (!history) return 1;
  let seenLong = 0;
  let seenShort = 0;
  for (const word of history.words) {
    seenLong += long(`${head} ${word}`);
    seenShort += short(word);
  }
  return Math.max(1 - seenLong, 1e-6) / Math.max(1 - seenShort, 1e-6);
}

/** Weights may be below one; then half of it is given away. */
const discounted = (counts: Counts, gram: string): number => {
  const count = counts.get(gram) ?? 0;
  return Math.max(count - Math.min(DISCOUNT, count * DISCOUNT), 1e-6);
};
const headOf = (gram: string): string => gram.slice(0, gram.lastIndexOf(" "));
const tailOf = (gram: string): string => gram.slice(gram.lastIndexOf(" ") + 1);
const log = (probability: number): string => Math.log10(Math.max(probability, 1e-9)).toFixed(4);
