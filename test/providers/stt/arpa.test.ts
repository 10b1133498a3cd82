import { expect, test } from "vitest";
import { arpaOf } from "../../../src/providers/stt/pocketsphinx/arpa.ts";
import { corpusOf } from "../../../src/providers/stt/pocketsphinx/corpus.ts";
import { phonesOf } from "../../../src/providers/stt/pocketsphinx/letters.ts";

const sections = (arpa: string): string[][] =>
  arpa
    .split(/\\\d-grams:\n/)
    .slice(1)
    .map((part) => part.split("\n").filter((line) => /^-?\d/.test(line)));

test("what a caller may say first adds up to everything", () => {
  const arpa = arpaOf(
    new Map([
      ["when do you open", 2],
      ["where are you", 1],
    ]),
  );
  const [one = [], two = []] = sections(arpa);
  const p1 = new Map(one.map((line) => [line.split(" ")[1] ?? "", 10 ** Number(line.split(" ")[0])]));
  const start = one.find((line) => line.includes("<s>"));
  const left = 10 ** Number(start?.split(" ")[2]);
  const seen = two.filter((line) => line.split(" ")[1] === "<s>").map((line) => line.split(" "));
  const explicit = seen.reduce((sum, [p]) => sum + 10 ** Number(p), 0);
  const unseen = [...p1].filter(([word]) => word !== "<s>" && !seen.some((line) => line[2] === word));
  const total = explicit + unseen.reduce((sum, [, p]) => sum + p * left, 0);
  expect(total).toBeCloseTo(1, 2);
});

test("the counts at the head of the model are those of its body", () => {
  const arpa = arpaOf(corpusOf(["what are your opening hours", "parking"]));
  const counts = [...arpa.matchAll(/^ngram \d=(\d+)$/gm)].map(([, count]) => Number(count));
  expect(sections(arpa).map((lines) => lines.length)).toEqual(counts);
});

test("a keyword of the agent's is expected in everyday questions", () => {
  const corpus = corpusOf(["parking"]);
  expect([...corpus.keys()]).toEqual(expect.arrayContaining(["do you have parking", "where is the parking"]));
});

test("a name that stands in no dictionary can be heard", () => {
  expect(phonesOf("schnitzler")).toBe("SH N IH T Z L ER");
  expect(phonesOf("4711")).toBe("");
});
