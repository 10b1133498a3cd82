import { expect, test } from "vitest";
import { createBackoff } from "../../src/base/backoff.ts";

test("tries come further and further apart, up to the limit, and go on for ever", () => {
  const backoff = createBackoff({ minMs: 100, maxMs: 1000, random: () => 1 });
  expect(Array.from({ length: 6 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
  for (let i = 0; i < 10_000; i++) backoff.next();
  expect(backoff.next()).toBe(1000);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test("two that lost the same PBX do not come back together", () => {
  const waits = [0, 0.5, 0.999].map((chance) =>
    createBackoff({ minMs: 100, maxMs: 1000, random: () => chance }).next(),
  );
  expect(waits).toEqual([50, 75, 99.95]);
});
