import { describe, expect, test } from "vitest";
import { accuracy, wordErrors } from "../../bench/pbx/accuracy.ts";

describe("the part of a caller's words that was understood", () => {
  test("is all of them, whatever their capitals and marks", () => {
    expect(accuracy("Where can I park my car?", "where can i park my car")).toBe(1);
  });

  test("is less by every word that is another, is missing or was not said", () => {
    expect(accuracy("where can I park my car", "where can you park my car")).toBeCloseTo(5 / 6);
    expect(accuracy("where can I park my car", "where can I park")).toBeCloseTo(4 / 6);
    expect(accuracy("where can I park", "and where can I park my car")).toBeCloseTo(1 / 4);
    expect(wordErrors(["a", "b", "c"], ["b", "c", "d"])).toBe(2);
  });

  test("is nothing when nothing was understood, and never less", () => {
    expect(accuracy("where are you", "")).toBe(0);
    expect(accuracy("yes", "one two three four")).toBe(0);
  });
});
