import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { settle, VirtualClock } from "../support/virtual-clock.ts";

describe("the machine's clock", () => {
  test("sleeps, and wakes early when the call ends", async () => {
    const started = systemClock.now();
    await systemClock.sleep(5);
    expect(systemClock.now() - started).toBeGreaterThan(3);
    const gone = new AbortController();
    const sleep = systemClock.sleep(60_000, gone.signal);
    gone.abort("hung up");
    await expect(sleep).rejects.toBe("hung up");
    await expect(systemClock.sleep(60_000, gone.signal)).rejects.toBe("hung up");
  });

  test("a cancelled timer does not run", async () => {
    let runs = 0;
    systemClock.after(1, () => runs++).cancel();
    systemClock.every(1, () => runs++).cancel();
    await systemClock.sleep(5);
    expect(runs).toBe(0);
  });
});

describe("a virtual clock", () => {
  test("runs timers in their order, and promises between them", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.after(20, () => seen.push(`second at ${clock.now()}`));
    clock.after(10, () => {
      seen.push(`first at ${clock.now()}`);
      queueMicrotask(() => queueMicrotask(() => seen.push("promise")));
    });
    clock.after(20, () => seen.push("third"));
    const ticking = clock.every(8, () => seen.push(`tick at ${clock.now()}`));
    await clock.advance(20);
    ticking.cancel();
    expect(seen).toEqual(["tick at 8", "first at 10", "promise", "tick at 16", "second at 20", "third"]);
    expect(clock.pending).toBe(0);
  });

  test("a sleeper that sets new timers is woken at their times", async () => {
    const clock = new VirtualClock();
    const woken: number[] = [];
    const sleeper = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(10);
        woken.push(clock.now());
      }
    };
    const sleeping = sleeper();
    await clock.advance(100);
    await sleeping;
    expect(woken).toEqual([10, 20, 30]);
  });

  test("leaves no timer behind a sleep that was given up", async () => {
    const clock = new VirtualClock();
    const gone = new AbortController();
    const sleep = clock.sleep(1000, gone.signal);
    gone.abort("gone");
    await expect(sleep).rejects.toBe("gone");
    expect(clock.pending).toBe(0);
  });

  test("a stall makes timers late", async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.after(10, () => fired.push(clock.now()));
    clock.stall(500);
    await settle();
    expect(fired).toEqual([]);
    await clock.advance(0);
    expect(fired).toEqual([500]);
  });
});
