import { expect, test } from "vitest";
import type { WordTime } from "../../src/conversation/providers.ts";
import { Spoken } from "../../src/conversation/spoken.ts";

const frame = { pcm: new Int16Array(160), rate: 8000 } as const;

function said(text: string, ms: number, times: readonly WordTime[], { complete = true } = {}): Spoken {
  const spoken = new Spoken();
  spoken.begin(text);
  spoken.words(times);
  for (let at = 0; at < ms; at += 20) spoken.add(frame);
  if (complete) spoken.end();
  return spoken;
}
const word = (text: string, startMs: number, endMs: number): WordTime => ({ text, startMs, endMs });

// A voice that waits in a place that nobody would guess from the words.
const text = "Well, the doctor is in.";
const times = [
  word("Well", 0, 200),
  word("the", 1_600, 1_700),
  word("doctor", 1_700, 2_100),
  word("is", 2_100, 2_200),
  word("in", 2_200, 2_400),
];

test("what was heard is exact to the word where the voice says when its words sound", () => {
  const spoken = said(text, 2_400, times);
  expect(spoken.heard(90)).toBe("");
  expect(spoken.heard(1_500)).toBe("Well,");
  expect(spoken.heard(1_890)).toBe("Well, the");
  expect(spoken.heard(1_950)).toBe("Well, the doctor");
  expect(spoken.heard(2_400, 1_000)).toBe("the doctor is in.");
  expect(said(text, 2_400, []).heard(1_500)).not.toBe("Well,");
});

test("characters do as well as words, and marks that a voice leaves out or adds do not matter", () => {
  const characters = [...text].map((one, index) => word(one, index * 100, (index + 1) * 100));
  expect(said(text, 2_300, characters).heard(1_400)).toBe("Well, the doctor");
  expect(
    said("Yes — it's so.", 900, [word("yes,", 0, 300), word("its", 300, 600), word("so!", 600, 900)]).heard(500),
  ).toBe("Yes it's".replace("Yes ", "Yes — "));
});

test("figures that are spoken as words are still found", () => {
  const spoken = said("It is 42 euros.", 2_000, [
    word("It", 0, 100),
    word("is", 100, 200),
    word("fortytwo", 200, 1_400),
    word("euros", 1_400, 2_000),
  ]);
  expect(spoken.heard(150)).toBe("It");
  expect(spoken.heard(1_999)).toBe("It is 42 euros.");
});

test("while the times of the last words are still on their way, these are guessed", () => {
  const spoken = said(text, 2_000, times.slice(0, 2), { complete: false });
  expect(spoken.heard(1_500)).toBe("Well,");
  expect(spoken.heard(1_690)).toBe("Well, the");
  expect(spoken.heard(5_000)).toBe(text);
});

test("times of one piece are not those of the next", () => {
  const spoken = said("Good day.", 1_000, [word("Good", 800, 900), word("day", 900, 1_000)]);
  spoken.begin("How are you?");
  for (let at = 0; at < 900; at += 20) spoken.add(frame);
  spoken.end();
  expect(spoken.heard(700)).toBe("");
  expect(spoken.heard(1_900)).toBe("Good day. How are you?");
});
