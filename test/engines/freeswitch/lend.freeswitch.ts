import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { spawnWorker } from "../../../src/supervisor/process.ts";
import { Worker } from "../../../src/supervisor/worker.ts";
import { MENU_HZ, SALES_HZ, type TestCaller } from "../contract.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";
import { AGENT_HZ } from "./speaker.ts";

// The caller's own watch looks at the last 100 ms: with the third packet of the menu it is sure, 40 ms after the first.
const WATCH_MS = 40;
const figures = Boolean(process.env.SIDETONE_FIGURES);
const KILLS = figures ? 30 : 5;
const STOPS = figures ? 8 : 3;
const SPOKEN_S = 8;

const pbx = new RealFreeswitch("auto");
const program = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "worker-child.ts")];
let end: () => Promise<unknown> = async () => {};

beforeAll(() => pbx.start());
afterAll(() => pbx.stop());
afterEach(() => end());

async function startWorker(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...program, JSON.stringify(pbx.options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  end = () => killed(child);
  if (child.stdout) await once(child.stdout, "data");
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** As the service starts its own, with its own limits. */
async function startSupervised(): Promise<{ pid: number; ended: Promise<unknown> }> {
  const env = { ...process.env, SIDETONE_HEARTBEAT_MS: "100" };
  const args = [...program, JSON.stringify(pbx.options)];
  const ended = Promise.withResolvers<void>();
  const settings = { workers: 1, heartbeatMs: 100, killAfterMs: 700, startSeconds: 20 };
  const nothing = (): void => undefined;
  const worker = new Worker({
    process: spawnWorker({ command: process.execPath, args, env, log: silentLog }),
    ...{ slot: 1, build: "", clock: systemClock, log: silentLog, lastGood: { snapshot: undefined } },
    settings: { ...settings, restartMaxMs: 1000, drainSeconds: 0, memoryMb: 0 },
    watcher: {
      ...{ ready: nothing, beat: nothing, configured: nothing, outdated: nothing, came: nothing },
      ended: () => ended.resolve(),
    },
  });
  end = () => {
    worker.kill();
    return ended.promise;
  };
  if (!(await worker.settled)) throw new Error("the worker did not get ready");
  return { pid: worker.pid ?? 0, ended: ended.promise };
}

const hears = (caller: TestCaller, hz: number, what: string): Promise<void> =>
  caller.line.until(() => caller.line.share(hz) > 0.5, what, 6000);
const packets = (caller: TestCaller, count: number): Promise<void> => {
  const before = caller.line.packets;
  return caller.line.until(() => caller.line.packets >= before + count, `${count} packets`, 15_000);
};

async function talking(): Promise<TestCaller> {
  const caller = await pbx.placeCall({});
  await hears(caller, AGENT_HZ, "the agent");
  return caller;
}

async function msToMenu(caller: TestCaller, hurt: () => void): Promise<number> {
  const startedMs = systemClock.now();
  hurt();
  await hears(caller, MENU_HZ, "the menu");
  return systemClock.now() - startedMs - WATCH_MS;
}

function report(what: string, times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  if (figures)
    process.stdout.write(`${what}: p50 ${at(0.5)}, p95 ${at(0.95)}, at most ${at(1)} ms, of ${times.length}\n`);
  return at(1);
}

describe("the caller of an agent", () => {
  // Longer than every timer of the dialplan's and ours, and than FreeSWITCH's own silence would need to get in between.
  test(`that speaks for ${SPOKEN_S} s without a pause hears all of it`, { timeout: 60_000 }, async () => {
    await startWorker();
    const caller = await talking();
    await packets(caller, 5);
    let [looks, missed] = [0, 0];
    const last = caller.line.packets + SPOKEN_S * 50;
    await caller.line.until(
      () => {
        looks += 1;
        if (caller.line.share(AGENT_HZ) < 0.5) missed += 1;
        return caller.line.packets >= last;
      },
      "the end",
      SPOKEN_S * 3000,
    );
    if (figures) process.stdout.write(`${missed} of ${looks} looks without the agent\n`);
    expect(looks).toBeGreaterThanOrEqual(SPOKEN_S * 50);
    expect(missed / looks).toBeLessThan(0.02);
    caller.hangUp();
  });

  test("that is killed is in the menu at once", { timeout: 240_000 }, async () => {
    const times: number[] = [];
    while (times.length < KILLS) {
      const child = await startWorker();
      const caller = await talking();
      times.push(await msToMenu(caller, () => child.kill("SIGKILL")));
      await end();
      caller.hangUp();
    }
    report("killed to menu", times);
    // The machine may be shared: one slow kill is its business, half of them ours.
    expect(times.toSorted((a, b) => a - b)[Math.floor(KILLS / 2)]).toBeLessThan(150);
  });

  test("that is stopped is in the menu within 2 s by the timer alone, and stays there", {
    timeout: 120_000,
  }, async () => {
    const times: number[] = [];
    while (times.length < STOPS) {
      const child = await startWorker();
      const caller = await talking();
      // Long enough for the dialplan's own timer to have fired, were it not put out; another moment of the second each time.
      await packets(caller, 120 + times.length * 7);
      expect(caller.line.share(AGENT_HZ)).toBeGreaterThan(0.5);
      times.push(await msToMenu(caller, () => child.kill("SIGSTOP")));
      // What wakes up again finds that the call is gone, and leaves it in peace; so does its end.
      child.kill("SIGCONT");
      await packets(caller, 50);
      expect(caller.line.share(MENU_HZ)).toBeGreaterThan(0.9);
      await end();
      await packets(caller, 50);
      expect(caller.line.share(MENU_HZ)).toBeGreaterThan(0.9);
      caller.hangUp();
    }
    expect(report("stopped to menu, by the timer", times)).toBeLessThan(2100);
  });

  test("that is stopped is in the menu within 1.2 s where a supervisor looks after it", {
    timeout: 120_000,
  }, async () => {
    const times: number[] = [];
    while (times.length < STOPS) {
      const worker = await startSupervised();
      const caller = await talking();
      await packets(caller, 60 + times.length * 7);
      times.push(await msToMenu(caller, () => process.kill(worker.pid, "SIGSTOP")));
      await worker.ended;
      caller.hangUp();
    }
    expect(report("stopped to menu, with the supervisor", times)).toBeLessThan(1300);
  });

  test("whom somebody transfers stays where he was sent, for longer than any timer", async () => {
    await startWorker();
    const caller = await talking();
    const uuid = /([0-9a-f-]{36}),inbound/.exec(await pbx.pbx.cli("show channels"))?.[1] ?? "";
    await pbx.pbx.cli(`uuid_transfer ${uuid} ${pbx.sales}`);
    await hears(caller, SALES_HZ, "the other place");
    await packets(caller, 150);
    expect(caller.line.share(SALES_HZ)).toBeGreaterThan(0.9);
    caller.hangUp();
  });
});
