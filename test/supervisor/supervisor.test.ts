import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { gone, isAlive, Parent } from "./support.ts";

describe("a worker that hangs", () => {
  test("is killed 700 ms after it was stopped, and another takes its place at once", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["sound"]);
    const { pid = 0 } = await parent.hears("the worker is ready");
    const stoppedAt = systemClock.now();
    process.kill(pid, "SIGSTOP");
    const killed = await parent.hears("hangs and is killed");
    const tookMs = killed.at - stoppedAt;
    expect(killed.silentMs).toBeGreaterThanOrEqual(700);
    // The last beat was up to 100 ms before the stop; the supervisor looks every 50.
    expect(tookMs).toBeGreaterThan(590);
    expect(tookMs).toBeLessThan(1000);
    await parent.hears("the worker is ready", 2);
    expect((await parent.hears("it is started again")).delayMs).toBe(0);
    await gone(pid);
    expect(parent.workers()).toHaveLength(2);
  });

  test("in a loop that never ends is killed as well", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["stalls", "5000"]);
    const { pid = 0 } = await parent.hears("the worker is ready");
    expect((await parent.hears("hangs and is killed")).silentMs).toBeLessThan(1000);
    await gone(pid);
  });

  test("while it starts is given time, but not for ever", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["never-ready"], { START_SECONDS: "1.5" });
    const started = await parent.hears("worker started");
    const killed = await parent.hears("did not get ready in time");
    expect(killed.at - started.at).toBeGreaterThan(1400);
    await parent.hears("worker started", 2);
  });
});

describe("a worker that is only slow lives on", () => {
  test("three stalls of 350 ms in a busy loop", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["stalls", "350"]);
    const { at } = await parent.hears("the worker is ready");
    await systemClock.sleep(Math.max(0, at + 2600 - systemClock.now()));
    expect(parent.said.map(({ message }) => message)).toEqual(["worker started", "the worker is ready"]);
  });

  test("three stops of 350 ms from outside", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["sound"]);
    const { pid = 0 } = await parent.hears("the worker is ready");
    for (let i = 0; i < 3; i++) {
      process.kill(pid, "SIGSTOP");
      await systemClock.sleep(350);
      process.kill(pid, "SIGCONT");
      await systemClock.sleep(150);
    }
    expect(isAlive(pid)).toBe(true);
    expect(parent.said).toHaveLength(2);
  });

  test("the supervisor's own stop is not held against its worker", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["sound"]);
    const { pid = 0 } = await parent.hears("the worker is ready");
    parent.kill("SIGSTOP");
    await systemClock.sleep(1500);
    parent.kill("SIGCONT");
    await systemClock.sleep(500);
    expect(isAlive(pid)).toBe(true);
    expect(parent.said).toHaveLength(2);
  });
});

describe("a worker that dies", () => {
  test("is started again at once, then after pauses that grow", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["exits", "9"]);
    const delays = [];
    for (const nth of [1, 2, 3]) delays.push((await parent.hears("it is started again", nth)).delayMs);
    expect(delays).toEqual([0, 188, 375]);
  });

  test("before it ever worked, and says that starting again is no use, ends the service with its code", async () => {
    await using parent = new Parent(["fails", "3"]);
    expect(await parent.exited).toEqual({ code: 3, signal: null });
    expect(parent.workers()).toHaveLength(1);
  });
});

describe("stopping", () => {
  test("lets the running calls end", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["sound"], { FAKE_CALLS: "2", FAKE_CALL_MS: "900" });
    const { pid = 0 } = await parent.hears("the worker is ready");
    const toldAt = systemClock.now();
    parent.kill("SIGTERM");
    expect(await parent.exited).toEqual({ code: 0, signal: null });
    expect(systemClock.now() - toldAt).toBeGreaterThan(850);
    expect(isAlive(pid)).toBe(false);
  });

  test("a second signal waits for no call", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["sound"], { FAKE_CALLS: "2", FAKE_CALL_MS: "60000" });
    const { pid = 0 } = await parent.hears("the worker is ready");
    parent.kill("SIGTERM");
    await parent.hears("stopping");
    parent.kill("SIGINT");
    expect((await parent.exited).code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test("a worker that does not leave when its time is over is killed", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["stubborn"], { DRAIN_SECONDS: "0" });
    const { pid = 0 } = await parent.hears("the worker is ready");
    parent.kill("SIGTERM");
    await parent.hears("does not leave and is killed");
    await parent.exited;
    expect(isAlive(pid)).toBe(false);
  });

  test("in the middle of a start leaves nothing behind", { timeout: 20_000 }, async () => {
    await using parent = new Parent(["never-ready"]);
    const { pid = 0 } = await parent.hears("worker started");
    parent.kill("SIGTERM");
    expect((await parent.exited).code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test("a supervisor that is killed leaves a worker that lets its calls end, and then goes", {
    timeout: 20_000,
  }, async () => {
    await using parent = new Parent(["sound"], { FAKE_CALLS: "1", FAKE_CALL_MS: "600" });
    const { pid = 0 } = await parent.hears("the worker is ready");
    parent.kill("SIGKILL");
    const { signal } = await parent.exited;
    expect(signal).toBe("SIGKILL");
    expect(isAlive(pid)).toBe(true);
    await gone(pid);
  });
});
