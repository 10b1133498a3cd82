import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { startDemoService } from "../../src/cli/demo/service.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const NUMBER = "4100";
const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("with a caller on the line", () => {
  let whole: WholeService;

  beforeAll(async () => {
    if (install) whole = await startWholeService(install, { settings: { supervisor: { restartMaxMs: 250 } } });
  });
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
  });

  /** A call in which the agent is speaking. */
  async function speaking(): Promise<CallLeg> {
    const signal = AbortSignal.timeout(20_000);
    await whole.service.ready(signal);
    const leg = await whole.phone.call(NUMBER, { codec: "ulaw", signal: AbortSignal.timeout(60_000) });
    await leg.answered;
    await leg.heard.soundFor({ ms: 300, sinceMs: leg.times.answeredMs ?? 0, signal });
    return leg;
  }

  const menuAfter = async (leg: CallLeg, sinceMs: number, withinMs: number): Promise<number | undefined> => {
    const signal = AbortSignal.timeout(20_000);
    const menuMs = await heardSound(leg, { sound: whole.menu, sinceMs, withinMs, clock: systemClock, signal });
    return menuMs === undefined ? undefined : menuMs - sinceMs;
  };

  /** The agent speaks again by itself when the caller has been silent: it is there, and it listens. */
  const agentIsThere = (leg: CallLeg): Promise<number> =>
    leg.heard.sound({ sinceMs: leg.nowMs(), signal: AbortSignal.timeout(20_000) });

  test("a worker that hangs is killed, and the menu speaks after about a second", { timeout: 120_000 }, async () => {
    const leg = await speaking();
    const pid = await whole.service.workerPid();
    const stoppedMs = systemClock.now();
    process.kill(pid, "SIGSTOP");
    const toMenuMs = await menuAfter(leg, stoppedMs, 5000);
    await leg.hangUp();
    expect(toMenuMs).toBeLessThan(1200);
  });

  test("three stalls of 350 ms do not cost the call its agent", { timeout: 120_000 }, async () => {
    const leg = await speaking();
    const pid = await whole.service.workerPid();
    for (let stalls = 0; stalls < 3; stalls++) {
      process.kill(pid, "SIGSTOP");
      await systemClock.sleep(350);
      process.kill(pid, "SIGCONT");
      await systemClock.sleep(350);
    }
    await leg.heard.silence({ ms: 1500, signal: AbortSignal.timeout(20_000) });
    await agentIsThere(leg);
    expect(leg.signal.aborted).toBe(false);
    expect(await whole.service.workerPid()).toBe(pid);
    await leg.hangUp();
  });

  test("a reload with faults keeps the call, the agent and the old configuration", { timeout: 120_000 }, async () => {
    const { configFile, logFile, pid } = whole.service;
    const sound = await readFile(configFile, "utf8");
    const leg = await speaking();
    const worker = await whole.service.workerPid();
    await writeFile(configFile, `${sound}\nzebra: 1\n`);
    process.kill(pid, "SIGHUP");
    await expect.poll(() => readFile(logFile, "utf8"), { timeout: 5000 }).toContain('unknown key \\"zebra\\"');
    await writeFile(configFile, sound);
    await leg.heard.silence({ ms: 1500, signal: AbortSignal.timeout(20_000) });
    await agentIsThere(leg);
    expect(await whole.service.workerPid()).toBe(worker);
    await leg.hangUp();
  });

  test("a supervisor that is killed costs no call, and the next one answers new ones at once", {
    timeout: 90_000,
  }, async () => {
    const old = await speaking();
    const { asterisk, dir, service } = whole;
    process.kill(service.pid, "SIGKILL");
    const next = await startDemoService({ asterisk, dir, clock: systemClock });
    whole = { ...whole, service: next, [Symbol.asyncDispose]: whole[Symbol.asyncDispose] };
    try {
      const young = await speaking();
      // A draining worker once took such calls from the one that had answered them.
      expect(await menuAfter(young, young.times.answeredMs ?? 0, 1500)).toBeUndefined();
      await young.heard.silence({ ms: 1500, signal: AbortSignal.timeout(20_000) });
      await agentIsThere(young);
      expect(old.signal.aborted).toBe(false);
      await Promise.all([old.hangUp(), young.hangUp()]);
      await expect
        .poll(() => asterisk.cli("core show channels count"), { timeout: 5000 })
        .toMatch(/^0 active channels/m);
    } finally {
      await next.stop();
    }
  });
});
