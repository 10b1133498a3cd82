import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { gone, isAlive, Parent } from "./support.ts";

describe("a worker that hangs", () => {
  test("is killed 700 ms after it was stopped, and another takes its place", { timeout: 120_000 }, async () => {
    await using parent = new Parent(["sound"], { FAKE_CALLS: "1" });
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
    expect((await parent.hears("it is started again")).delayMs).toBe(250);
    await gone(pid);
    expect(parent.workers()).toHaveLength(2);
  });
});

describe("a worker that is only slow lives on", () => {
  test("three stops of 350 ms from outside", { timeout: 120_000 }, async () => {
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

  test("the supervisor's own stop is not held against its worker", { timeout: 120_000 }, async () => {
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
  test("before it ever worked, and says that starting again is no use, ends the service with its code", async () => {
    await using parent = new Parent(["fails", "3"]);
    expect(await parent.exited).toEqual({ code: 3, signal: null });
    expect(parent.workers()).toHaveLength(1);
  });
});

describe("stopping", () => {
  test("lets the running calls end", { timeout: 120_000 }, async () => {
    await using parent = new Parent(["sound"], { FAKE_CALLS: "2", FAKE_CALL_MS: "900" });
    const { pid = 0 } = await parent.hears("the worker is ready");
    const toldAt = systemClock.now();
    parent.kill("SIGTERM");
    expect(await parent.exited).toEqual({ code: 0, signal: null });
    expect(systemClock.now() - toldAt).toBeGreaterThan(850);
    expect(isAlive(pid)).toBe(false);
  });

  test("a second signal waits for no call", { timeout: 120_000 }, async () => {
    await using parent = new Parent(["sound"], { FAKE_CALLS: "2", FAKE_CALL_MS: "60000" });
    const { pid = 0 } = await parent.hears("the worker is ready");
    parent.kill("SIGTERM");
    await parent.hears("stopping");
    parent.kill("SIGINT");
    expect((await parent.exited).code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test("a supervisor that is killed, and that nobody follows, leaves a worker that lets its calls end, and then goes", {
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

describe("the next supervisor", () => {
  let dir: string;
  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), "sidetone-adopt-")), "workers");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test("takes over the workers of one that was killed, watches them, and starts none beside them", {
    timeout: 30_000,
  }, async () => {
    const env = { WORKERS_DIR: dir, WORKERS: "2", FAKE_CALLS: "1" };
    await using first = new Parent(["sound"], env);
    await first.hears("the worker is ready", 2);
    const pids = first.workers().sort();
    first.kill("SIGKILL");
    await first.exited;
    await using second = new Parent(["sound"], env);
    const taken = await Promise.all([1, 2].map((nth) => second.hears("is taken over", nth)));
    expect(taken.map(({ pid }) => pid).sort()).toEqual(pids);
    const [hung = 0, other = 0] = pids;
    process.kill(hung, "SIGSTOP");
    expect((await second.hears("hangs and is killed")).pid).toBe(hung);
    await second.hears("the worker is ready");
    await gone(hung);
    expect(second.workers()).toHaveLength(1);
    expect(isAlive(other)).toBe(true);
  });

  test("kills a worker that lives and does not answer", { timeout: 120_000 }, async () => {
    await using first = new Parent(["sound"], { WORKERS_DIR: dir });
    const { pid = 0 } = await first.hears("the worker is ready");
    process.kill(pid, "SIGSTOP");
    first.kill("SIGKILL");
    await first.exited;
    await using second = new Parent(["sound"], { WORKERS_DIR: dir });
    expect((await second.hears("does not answer and is killed")).pid).toBe(pid);
    await second.hears("the worker is ready");
  });

  test("that is started while the first one lives leaves its workers alone", { timeout: 120_000 }, async () => {
    await using first = new Parent(["sound"], { WORKERS_DIR: dir });
    const { pid = 0 } = await first.hears("the worker is ready");
    await using second = new Parent(["sound"], { WORKERS_DIR: dir });
    await second.hears("workers cannot be handed over");
    await second.hears("the worker is ready");
    expect(isAlive(pid)).toBe(true);
    expect(second.said.some(({ message }) => message.includes("taken over"))).toBe(false);
  });

  test("gets the workers of one that systemd restarts, and of the one after that, and none of one that it stops", {
    timeout: 120_000,
  }, async () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const bin = join(dir, "..");
    writeFileSync(join(bin, "systemd-notify"), "#!/bin/sh\n", { mode: 0o755 });
    const jobs = (kind: string): void =>
      writeFileSync(join(bin, "systemctl"), `#!/bin/sh\necho "7 sidetone.service ${kind} running"\n`, { mode: 0o755 });
    const env = { WORKERS_DIR: dir, NOTIFY_SOCKET: "/run/systemd/notify", PATH: `${bin}:${process.env.PATH}` };
    jobs("restart");
    await using first = new Parent(["sound"], env);
    const { pid = 0 } = await first.hears("the worker is ready");
    first.kill("SIGTERM");
    expect((await first.exited).code).toBe(0);
    expect(isAlive(pid)).toBe(true);
    await using second = new Parent(["sound"], env);
    expect((await second.hears("is taken over")).pid).toBe(pid);
    // Those that it has not started itself are left to the next one as well.
    second.kill("SIGTERM");
    expect((await second.exited).code).toBe(0);
    await using third = new Parent(["sound"], env);
    expect((await third.hears("is taken over")).pid).toBe(pid);
    expect([...second.said, ...third.said].some(({ message }) => message.includes("killed"))).toBe(false);
    jobs("stop");
    third.kill("SIGTERM");
    expect((await third.exited).code).toBe(0);
    await gone(pid);
  });
});
