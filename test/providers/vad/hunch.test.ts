import { expect, test } from "vitest";
import { Hunch } from "../../../src/providers/vad/hunch.ts";

const frame = (level: number) => new Int16Array(160).fill(level);
const VOICED = { voiced: true, likely: true, known: false };
const QUIET = { voiced: false, likely: false, known: false };

const pushed = (hunch: Hunch, level: number, frames: number, how = VOICED): boolean[] =>
  Array.from({ length: frames }, () => {
    hunch.push(frame(level), how);
    return hunch.on;
  });

test("a sudden loud sound is guessed to be speech, for 200 ms", () => {
  const hunch = new Hunch();
  pushed(hunch, 10, 50, QUIET);
  expect(pushed(hunch, 2_000, 20).filter(Boolean)).toHaveLength(10);
  expect(pushed(hunch, 2_000, 50).some(Boolean)).toBe(false);
});

test("a sound no louder than the line is not", () => {
  const hunch = new Hunch();
  pushed(hunch, 1_500, 800, QUIET);
  expect(pushed(hunch, 2_000, 10).some(Boolean)).toBe(false);
});

test("what the network has confirmed needs no guess, and ends one", () => {
  const hunch = new Hunch();
  pushed(hunch, 2_000, 2);
  expect(hunch.on).toBe(true);
  pushed(hunch, 2_000, 1, { ...VOICED, known: true });
  expect(hunch.on).toBe(false);
});

test("a rattling line costs at most a few gaps a minute", () => {
  const hunch = new Hunch();
  let guesses = 0;
  let before = false;
  for (let second = 0; second < 120; second += 1) {
    for (const on of [...pushed(hunch, 3_000, 10), ...pushed(hunch, 10, 40, QUIET)]) {
      if (on && !before) guesses += 1;
      before = on;
    }
  }
  expect(guesses).toBeGreaterThan(3);
  expect(guesses).toBeLessThanOrEqual(3 + 6);
});
