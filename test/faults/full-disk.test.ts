import { expect, test } from "vitest";
import { onSmallDisk } from "./full-disk.ts";

interface Outcome {
  readonly error: string;
  readonly said: readonly string[];
  readonly failures: number;
  readonly logFailures: number;
  readonly results: readonly string[];
  readonly rawLeft: number;
  readonly halfLines: number;
  readonly calls: readonly unknown[];
  readonly lines: readonly string[];
  readonly left: readonly string[];
  readonly wavBytes: number;
  readonly log: number;
  readonly logged: number;
}

test("a disk that is full loses no record, no recording and no line of the log, and each is an alarm", async () => {
  const outcome = await onSmallDisk<Outcome>("full-disk.ts", "8m");
  expect(outcome.error).toBe("ENOSPC");
  // While it was full: said once, counted, and nothing half done is left lying about.
  expect(outcome.said).toEqual([
    expect.stringMatching(/^call records cannot be written; calls go on.*database or disk is full/),
    expect.stringMatching(/^a recording could not be made a WAV file; it stays.*ENOSPC/),
  ]);
  expect(outcome.failures).toBeGreaterThanOrEqual(1);
  expect(outcome.logFailures).toBeGreaterThanOrEqual(1);
  expect([outcome.rawLeft, outcome.halfLines]).toEqual([2, 0]);
  // When it takes something again, all of it is there.
  expect(outcome.calls).toEqual([
    ["one", 2, "hangup"],
    ["three", 0, "hangup"],
    ["two", 0, "hangup"],
  ]);
  expect(outcome.lines).toEqual(["one", "three", "two"]);
  expect(outcome.results).toEqual(["failed", "kept"]);
  expect(outcome.left).toEqual(["1795360000.2.wav", "incoming"]);
  expect(outcome.wavBytes).toBe(44 + 80_000);
  expect(outcome.log).toBe("before\n".length + outcome.logged * 18_001 + "after\n".length);
}, 120_000);
