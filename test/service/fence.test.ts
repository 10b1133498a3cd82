import { expect, test } from "vitest";
import { claimOffer } from "../../src/service/fence.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

test("of several workers that come in the same moment one alone connects to a call", async () => {
  const clock = new VirtualClock();
  for (const offer of ["one", "two", "x".repeat(500)]) {
    const claims = await Promise.all([1, 2, 3, 4].map(() => claimOffer(`${process.pid} ${offer}`, clock)));
    expect(claims.filter(Boolean), offer).toHaveLength(1);
  }
  await clock.advance(10_000);
  expect(clock.pending).toBe(0);
});
