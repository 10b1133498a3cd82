import { describe, expect, test } from "vitest";
import { Breaker } from "../../src/base/breaker.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const limits = { failures: 2, retryMs: 5_000, retryMaxMs: 20_000 };

function breaker() {
  const clock = new VirtualClock();
  return { clock, breaker: new Breaker(clock, limits) };
}

const fail = (breaker: Breaker): void => breaker.enter({ force: true })?.failed();

describe("a provider that fails", () => {
  test("once is asked again", () => {
    const { breaker: one } = breaker();
    fail(one);
    expect(one.enter()?.trial).toBe(false);
  });

  test("twice in a row is asked no more", () => {
    const { breaker: one } = breaker();
    fail(one);
    fail(one);
    expect(one.state).toBe("open");
    expect(one.enter()).toBeUndefined();
  });

  test("twice, with an answer in between, is asked", () => {
    const { breaker: one } = breaker();
    fail(one);
    one.enter()?.ok();
    fail(one);
    expect(one.state).toBe("closed");
  });

  test("twice within hours is asked", async () => {
    const { breaker: one, clock } = breaker();
    fail(one);
    await clock.advance(3_600_000);
    fail(one);
    expect(one.state).toBe("closed");
  });

  test("for a reason that stays is asked no more after the first time", () => {
    const { breaker: one } = breaker();
    one.enter()?.failed({ grave: true });
    expect(one.state).toBe("open");
  });
});

describe("a provider that may be well again", () => {
  test("is tried by one request at a time, and is back when that is answered", async () => {
    const { breaker: one, clock } = breaker();
    fail(one);
    fail(one);
    await clock.advance(4_999);
    expect(one.enter()).toBeUndefined();
    await clock.advance(1);
    const trial = one.enter();
    expect(trial?.trial).toBe(true);
    expect(one.enter()).toBeUndefined();
    trial?.ok();
    expect(one.state).toBe("closed");
  });

  test("and is not is tried after ever longer pauses, up to the limit", async () => {
    const { breaker: one, clock } = breaker();
    fail(one);
    fail(one);
    const pauses: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      let waited = 0;
      for (; one.state === "open"; waited += 1_000) await clock.advance(1_000);
      pauses.push(waited);
      one.enter()?.failed();
    }
    expect(pauses).toEqual([5_000, 10_000, 20_000, 20_000]);
  });

  test("is tried by the next one when a trial is taken back", async () => {
    const { breaker: one, clock } = breaker();
    fail(one);
    fail(one);
    await clock.advance(5_000);
    one.enter()?.release();
    expect(one.enter()?.trial).toBe(true);
  });

  test("is back when somebody who had nobody else to ask is answered", () => {
    const { breaker: one } = breaker();
    fail(one);
    fail(one);
    one.enter({ force: true })?.ok();
    expect(one.state).toBe("closed");
  });
});

test("an outcome counts once", () => {
  const { breaker: one } = breaker();
  const permit = one.enter();
  permit?.failed();
  permit?.failed();
  permit?.ok();
  expect(one.state).toBe("closed");
  fail(one);
  expect(one.state).toBe("open");
});
