import { describe, expect, test } from "vitest";
import { Ledger } from "../../src/audio/ledger.ts";

const ledger = () => new Ledger({ rate: 8000, frames: 6 });

describe("the account of what was heard", () => {
  test("grows with time, to the end of what was handed over", () => {
    const account = ledger();
    for (let i = 0; i < 3; i++) account.hand(160, 100);
    expect([90, 100, 110, 120, 125, 160, 500].map((ms) => account.heardAt(ms))).toEqual([0, 0, 80, 160, 200, 480, 480]);
  });

  test("does not count the silence after a queue that ran dry", () => {
    const account = ledger();
    account.hand(160, 0);
    account.hand(160, 1000);
    expect([20, 999, 1010, 1020].map((ms) => account.heardAt(ms))).toEqual([160, 160, 240, 320]);
  });

  test("does not count padding", () => {
    const account = ledger();
    account.hand(40, 0);
    account.hand(160, 0);
    expect([5, 15, 20, 30, 40].map((ms) => account.heardAt(ms))).toEqual([40, 40, 40, 120, 200]);
  });

  test("a cut takes back what has not begun, and what follows is counted from there", () => {
    const account = ledger();
    for (let i = 0; i < 5; i++) account.hand(160, 0);
    expect(account.heardAt(25)).toBe(200);
    expect(account.cut(25)).toBe(320);
    expect(account.heardAt(500)).toBe(320);
    account.hand(160, 600);
    expect([600, 610, 700].map((ms) => account.heardAt(ms))).toEqual([320, 400, 480]);
  });

  test("what was cut is forgotten, short frames too", () => {
    const account = ledger();
    for (const samples of [160, 160, 40]) account.hand(samples, 0);
    expect(account.cut(5)).toBe(160);
    account.hand(160, 5);
    expect([15, 20, 30].map((ms) => account.heardAt(ms))).toEqual([120, 160, 240]);
  });

  test("after clearing nothing was heard, and a frame still under way does not count", () => {
    const account = ledger();
    account.hand(160, 0);
    account.clear();
    expect([5, 100].map((ms) => account.heardAt(ms))).toEqual([0, 0]);
  });
});
