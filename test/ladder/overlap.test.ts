import { expect, test } from "vitest";
import { Overlap } from "../../src/conversation/overlap.ts";

const SAID = "We are open from eight to six. On Saturday we close at one.";

const strip = (said: string, pieces: readonly string[]): string => {
  const overlap = new Overlap(said);
  return pieces
    .map((piece) => overlap.strip(piece))
    .filter((piece) => piece !== "")
    .join(" ");
};

test.each([
  ["goes on", ["On Sunday we are closed."], "On Sunday we are closed."],
  [
    "begins again",
    ["We are open from eight to six.", "On Saturday we close at one.", "On Sunday not."],
    "On Sunday not.",
  ],
  [
    "begins again within one piece",
    ["We are open from eight to six. On Saturday we close at one. Not on Sunday."],
    "Not on Sunday.",
  ],
  ["says the last sentence again", ["On Saturday we close at one.", "On Sunday not."], "On Sunday not."],
  ["takes up its last words", ["close at one, and on Sunday all day."], "and on Sunday all day."],
  ["says something like it", ["We are open for you."], "We are open for you."],
  ["has one word in common", ["One can park behind the house."], "One can park behind the house."],
])("a model that %s", (_, pieces, heard) => {
  expect(strip(SAID, pieces)).toBe(heard);
});
