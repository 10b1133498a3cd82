import { expect, test } from "vitest";
import { wordErrors, wordsOf } from "../../bench/words.ts";

test.each([
  ["when do you open", "When do you open?", 0],
  ["when do you open", "when you open", 1],
  ["when do you open", "when do we open today", 2],
  ["when do you open", "", 4],
  ["", "hello", 1],
])("%j understood as %j has %s wrong words", (said, understood, errors) => {
  expect(wordErrors(wordsOf(said), wordsOf(understood))).toBe(errors);
});
