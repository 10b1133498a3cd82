import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parse, stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound, joined, spoken } from "../../src/cli/demo/actors.ts";
import { startDemoService } from "../../src/cli/demo/service.ts";
import { providers } from "../../src/providers/index.ts";
import type { WorkerSummary } from "../../src/server/server.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const KILLS = 4;
const NUMBER = "4100";
const RESUMED_MS = 1500;
const ALL_KILLED_MS = 1200;
const HANGS_MS = 1200;
const REFUSED_MS = 300;
const GAP_MS = 500;

const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("a service with two workers", () => {
  let whole: WholeService;
  let excuse: Int16Array;
  const settings = {
    workers: 2,
    limits: { calls: 2, callerPerMinute: 0 },
    supervisor: { restartMaxMs: 250 },
  };

  beforeAll(async () => {
    if (!install) return;
    whole = await startWholeService(install, { settings });
    const flite = providers.tts.flite;
    const voice = flite.create(flite.schema.parse({}), { clock: systemClock, log: silentLog });
    const signal = AbortSignal.timeout(60_000);
    excuse = joined(await spoken(voice, { text: "Sorry, the line was interrupted.", as: "slt", signal }));
    await voice.close();
  }, 120_000);
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
  });

  const taking = async (): Promise<readonly WorkerSummary[]> => {
    const workers = await whole.service.workers().catch(() => []);
    return workers.filter((worker) => worker.taking);
  };

  /** Both take calls, and the dialplan knows it. */
  async function bothUp(): Promise<readonly WorkerSummary[]> {
    const present = async (): Promise<number> =>
      (await whole.asterisk.cli("core show channels concise")).match(/!sidetone-presence!/g)?.length ?? 0;
    const up = async () => [(await taking()).length, await present()];
    await expect.poll(up, { timeout: 20_000 }).toEqual([2, 2]);
    return await taking();
  }

  /** A call whose agent is in the middle of its greeting. */
  async function greeted(): Promise<CallLeg> {
    const signal = AbortSignal.timeout(60_000);
    const leg = await whole.phone.call(NUMBER, { codec: "ulaw", signal });
    await leg.answered;
    await leg.heard.soundFor({ ms: 900, sinceMs: leg.times.answeredMs ?? 0, signal });
    return leg;
  }

  async function busyPid(): Promise<number> {
    const busy = async (): Promise<number> => (await taking()).find(({ calls }) => calls > 0)?.pid ?? 0;
    await expect.poll(busy, { timeout: 5000 }).toBeGreaterThan(0);
    return await busy();
  }

  const heardAfter = async (leg: CallLeg, sound: Int16Array, sinceMs: number): Promise<number> => {
    const signal = AbortSignal.timeout(20_000);
    const atMs = await heardSound(leg, { sound, sinceMs, withinMs: 5000, clock: systemClock, signal });
    return (atMs ?? Number.POSITIVE_INFINITY) - sinceMs;
  };

  const figures = (what: string, values: readonly number[]): void =>
    void process.stdout.write(`${what}, ms: ${values.map(Math.round).join(" ")}\n`);

  /** The longest time without a packet from the agent's side. */
  function longestGapMs(leg: CallLeg): number {
    const fromMs = leg.times.answeredMs ?? 0;
    const at = [...leg.log.packets({ direction: "received", fromMs })].map(({ atMs }) => atMs);
    return Math.max(...at.slice(1).map((atMs, index) => atMs - (at[index] ?? 0)));
  }

  test("spreads the calls; above the limit new callers get the menu at once, and the others notice nothing", {
    timeout: 60_000,
  }, async () => {
    await bothUp();
    const first = await greeted();
    const second = await greeted();
    await expect.poll(async () => (await taking()).map(({ calls }) => calls), { timeout: 5000 }).toEqual([1, 1]);
    const signal = AbortSignal.timeout(20_000);
    const others = await Promise.all([1, 2].map(() => whole.phone.call(NUMBER, { codec: "ulaw", signal })));
    const toMenuMs = await Promise.all(others.map((leg) => heardAfter(leg, whole.menu, leg.times.startMs)));
    figures("INVITE above the limit to the menu's first sound", toMenuMs);
    expect(Math.max(...toMenuMs)).toBeLessThan(REFUSED_MS);
    await Promise.all(others.map((leg) => leg.hangUp()));
    for (const leg of [first, second]) expect(longestGapMs(leg)).toBeLessThan(GAP_MS);
    const metrics = await whole.service.metrics();
    expect(metrics).toMatch(/^sidetone_calls_active\{worker="1"\} 1$/m);
    expect(metrics).toMatch(/^sidetone_calls_active\{worker="2"\} 1$/m);
    expect(metrics).toMatch(/^sidetone_fallbacks_total\{reason="overload",worker="\d"\} \d$/m);
    await Promise.all([first.hangUp(), second.hangUp()]);
  });

  test(`killed in mid-sentence: its sibling's voice, ${KILLS} times`, { timeout: 120_000 }, async () => {
    const resumedMs: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await bothUp();
      const leg = await greeted();
      const pid = await busyPid();
      const killedMs = systemClock.now();
      process.kill(pid, "SIGKILL");
      resumedMs.push(await heardAfter(leg, excuse, killedMs));
      expect(leg.signal.aborted, "the call is still up").toBe(false);
      await leg.hangUp();
    }
    figures("kill to the sibling's first sound", resumedMs);
    expect(Math.max(...resumedMs)).toBeLessThan(RESUMED_MS);
  });

  test("both killed in the same moment: the menu", { timeout: 60_000 }, async () => {
    const pids = (await bothUp()).map(({ pid }) => pid);
    const leg = await greeted();
    const killedMs = systemClock.now();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    const menuMs = await heardAfter(leg, whole.menu, killedMs);
    figures("both killed to the menu's first sound", [menuMs]);
    expect(menuMs).toBeLessThan(ALL_KILLED_MS);
    await leg.hangUp();
  });

  test("a change that takes new workers puts them in place, and the call goes on in its old one", {
    timeout: 60_000,
  }, async () => {
    const before = (await bothUp()).map(({ pid }) => pid);
    const leg = await greeted();
    const { configFile, pid } = whole.service;
    const config = parse(await readFile(configFile, "utf8")) as Record<string, unknown>;
    await writeFile(configFile, stringify({ ...config, log: { format: "json", level: "debug" } }));
    process.kill(pid, "SIGHUP");
    const fresh = async () => (await taking()).filter((worker) => !before.includes(worker.pid)).length;
    await expect.poll(fresh, { timeout: 30_000 }).toBe(2);
    await leg.heard.silence({ ms: 1500, signal: AbortSignal.timeout(20_000) });
    expect(longestGapMs(leg)).toBeLessThan(GAP_MS);
    expect(leg.signal.aborted).toBe(false);
    const young = await greeted();
    expect((await taking()).some((worker) => worker.calls > 0)).toBe(true);
    await Promise.all([leg.hangUp(), young.hangUp()]);
  });

  test("whose supervisor is killed goes on; the next one takes its workers over, and watches them", {
    timeout: 90_000,
  }, async () => {
    const before = (await bothUp()).map(({ pid }) => pid).sort();
    const leg = await greeted();
    const { asterisk, dir, service } = whole;
    process.kill(service.pid, "SIGKILL");
    // Nobody watches them, and calls are answered all the same.
    const orphaned = await greeted();
    const config = parse(await readFile(service.configFile, "utf8")) as Record<string, unknown>;
    const next = await startDemoService({ asterisk, dir, clock: systemClock, settings: config });
    whole = { ...whole, service: next, [Symbol.asyncDispose]: whole[Symbol.asyncDispose] };
    try {
      await expect.poll(() => readFile(next.logFile, "utf8"), { timeout: 10_000 }).toMatch(/(taken over[\s\S]*){2}/);
      expect((await bothUp()).map(({ pid }) => pid).sort()).toEqual(before);
      for (const call of [leg, orphaned]) {
        expect(longestGapMs(call)).toBeLessThan(GAP_MS);
        expect(call.signal.aborted).toBe(false);
      }
      await leg.hangUp();
      await expect.poll(async () => (await taking()).reduce((sum, { calls }) => sum + calls, 0)).toBe(1);
      const stoppedMs = systemClock.now();
      process.kill(await busyPid(), "SIGSTOP");
      const soundMs = await heardAfter(orphaned, excuse, stoppedMs);
      figures("stopped, under the next supervisor, to the sibling's first sound", [soundMs]);
      expect(soundMs).toBeLessThan(HANGS_MS);
      await orphaned.hangUp();
      await expect
        .poll(() => asterisk.cli("core show channels count"), { timeout: 5000 })
        .toMatch(/^2 active channels/m);
    } finally {
      await next.stop();
    }
  });
});
