import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { startDemoService } from "../../src/cli/demo/service.ts";
import type { WorkerSummary } from "../../src/server/server.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { isGreeted, saidBy } from "../support/greeting.ts";
import { type HeardFirst, hasSoundSince, heardFirst } from "../support/heard-first.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const NUMBER = "4100";
const MAX_LATE = 3;

const install = inject("asterisk");

// One after the other: each begins with what the one before has left.
describe.skipIf(!install || !inject("pocketsphinx"))("a service with two workers", () => {
  let whole: WholeService;
  let excuse: Int16Array;
  let callsMade = 0;
  let late = 0;
  const undo = new AsyncDisposableStack();
  const settings = {
    workers: 2,
    limits: { calls: 2, callerPerMinute: 0 },
    supervisor: { restartMaxMs: 250 },
  };

  beforeAll(async () => {
    if (!install) return;
    [whole, excuse] = await Promise.all([
      startWholeService(install, { settings }),
      saidBy("Sorry, the line was interrupted."),
    ]);
  }, 120_000);
  afterAll(async () => {
    await undo.disposeAsync();
    await whole?.[Symbol.asyncDispose]();
  });

  const taking = async (): Promise<readonly WorkerSummary[]> => {
    // Whoever had the API's port may have been killed just now.
    const workers = await whole.service.workers().catch(() => []);
    return workers.filter((worker) => worker.taking);
  };

  /** Both take calls, and the dialplan knows it. */
  async function bothUp(): Promise<readonly WorkerSummary[]> {
    const present = async (): Promise<number> =>
      (await whole.asterisk.cli("core show channels concise")).match(/!sidetone-presence!/g)?.length ?? 0;
    const up = async () => [(await taking()).length, await present()];
    await expect.poll(up, { timeout: 40_000 }).toEqual([2, 2]);
    return await taking();
  }

  async function called(signal: AbortSignal): Promise<CallLeg> {
    const leg = await whole.phone.call(NUMBER, { codec: "ulaw", signal });
    undo.defer(async () => void (await leg.hangUp()));
    callsMade++;
    return leg;
  }

  /** A caller who is in the middle of the agent's greeting, and not in the menu already: a worker may be too late for the dialplan's half second. */
  async function greeted(): Promise<CallLeg> {
    const signal = AbortSignal.timeout(30_000);
    for (;;) {
      const leg = await called(signal);
      if (await isGreeted(leg, { menu: whole.menu, signal })) return leg;
      await leg.hangUp();
      late++;
      expect(late, "calls that were in the menu before any kill").toBeLessThanOrEqual(MAX_LATE);
    }
  }

  /** The same, and the worker that has the call, by the supervisor's count. */
  async function greetedBy(): Promise<{ leg: CallLeg; worker: number }> {
    const before = new Map((await taking()).map(({ pid, calls }) => [pid, calls]));
    const leg = await greeted();
    const owner = async (): Promise<number> =>
      (await taking()).find(({ pid, calls }) => calls > (before.get(pid) ?? 0))?.pid ?? 0;
    await expect.poll(owner, { timeout: 5000 }).toBeGreaterThan(0);
    return { leg, worker: await owner() };
  }

  const firstOf = (leg: CallLeg, sinceMs: number): Promise<HeardFirst> =>
    heardFirst(leg, { sibling: excuse, menu: whole.menu, sinceMs });

  /** Kills these workers, and listens to these callers. */
  async function killed(pids: readonly number[], ...legs: CallLeg[]): Promise<HeardFirst[]> {
    const sinceMs = systemClock.now();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    return await Promise.all(legs.map((leg) => firstOf(leg, sinceMs)));
  }

  /** Where a busy machine has cut what came, ears cannot tell whose words these are: there was sound since, and the one that is left has both calls. */
  async function isKept(leg: CallLeg, sinceMs: number): Promise<boolean> {
    const calls = (await taking()).reduce((sum, worker) => sum + worker.calls, 0);
    return calls === 2 && hasSoundSince(leg, sinceMs);
  }

  const lastLines = async (): Promise<string> =>
    (await readFile(whole.service.logFile, "utf8")).split("\n").slice(-12).join("\n");

  /** The longest time without a packet from the agent's side. */
  function longestGapMs(leg: CallLeg): number {
    const fromMs = leg.times.answeredMs ?? 0;
    const at = [...leg.log.packets({ direction: "received", fromMs })].map(({ atMs }) => atMs);
    return Math.round(Math.max(...at.slice(1).map((atMs, index) => atMs - (at[index] ?? 0))));
  }

  const report = (what: string, ...figures: readonly (HeardFirst | number)[]): void => {
    const shown = figures.map((figure) => (typeof figure === "number" ? figure : `${figure.what} ${figure.ms}`));
    process.stdout.write(`${what}, ms: ${shown.join(", ")}\n`);
  };

  const hangUp = (...legs: CallLeg[]) => Promise.all(legs.map((leg) => leg.hangUp()));

  test("gives each its call, and whoever comes above the limit the menu; killed, the calls live on in the other worker, or in the menu", {
    timeout: 120_000,
  }, async () => {
    await bothUp();
    const first = await greetedBy();
    // Where the other one had no processor for its 60 ms, the first has taken this one as well.
    let second = await greetedBy();
    for (let again = 0; again < 3 && second.worker === first.worker; again++) {
      await hangUp(second.leg);
      second = await greetedBy();
    }
    expect(second.worker).not.toBe(first.worker);

    const refused = await called(AbortSignal.timeout(20_000));
    const atOnce = await firstOf(refused, refused.times.startMs);
    await hangUp(refused);
    report("INVITE above the limit to the menu's first sound", atOnce);
    expect(atOnce.what).toBe("menu");
    report("longest gap in the calls that are up", longestGapMs(first.leg), longestGapMs(second.leg));
    expect(await whole.service.metrics()).toMatch(/^sidetone_fallbacks_total\{reason="overload",worker="\d"\} [1-9]/m);

    const killedMs = systemClock.now();
    const [resumed] = await killed([first.worker], first.leg);
    report("kill to the first sound", resumed ?? 0);
    expect(resumed?.what !== "nothing" || (await isKept(first.leg, killedMs)), await lastLines()).toBe(true);
    expect(second.leg.signal.aborted, "the other call is still up").toBe(false);

    // Now the other worker has both, and dies as well: for one of them it is the second time.
    await bothUp();
    const [twice, once] = await killed([second.worker], first.leg, second.leg);
    report("kill of the worker with both calls to the first sound", twice ?? 0, once ?? 0);
    // Who was in the menu since the first kill has nothing new to hear.
    if (resumed?.what === "sibling") expect(twice?.what).toBe("menu");
    expect(once?.what).not.toBe("nothing");
    for (const { leg } of [first, second]) expect(leg.signal.aborted, "the call is still up").toBe(false);
    await hangUp(first.leg, second.leg);
  });

  test("whose supervisor is killed goes on under the next one; and when all are killed in the same moment: the menu", {
    timeout: 120_000,
  }, async () => {
    const before = (await bothUp()).map(({ pid }) => pid);
    await expect.poll(async () => (await taking()).map(({ calls }) => calls), { timeout: 10_000 }).toEqual([0, 0]);
    const leg = await greeted();
    const { dir, service } = whole;
    process.kill(service.pid, "SIGKILL");
    // Nobody watches them, and calls are answered all the same.
    const orphaned = await greeted();
    const { engines } = parse(await readFile(service.configFile, "utf8")) as { engines: Record<string, unknown> };
    const next = await startDemoService({ engines, dir, clock: systemClock, port: service.port, settings });
    whole = { ...whole, service: next, [Symbol.asyncDispose]: whole[Symbol.asyncDispose] };
    undo.defer(() => next.stop());
    const adopted = /is taken over[\s\S]*is taken over/;
    await expect.poll(() => readFile(next.logFile, "utf8"), { timeout: 10_000 }).toMatch(adopted);
    const after = (await bothUp()).map(({ pid }) => pid);
    expect(after.toSorted()).toEqual(before.toSorted());
    report("longest gap while nobody watched", longestGapMs(leg), longestGapMs(orphaned));

    const menu = await killed(after, leg, orphaned);
    report("all killed to the menu's first sound", ...menu);
    expect(menu.map(({ what }) => what)).toEqual(["menu", "menu"]);
    await hangUp(leg, orphaned);
  });

  test("leaves one record for each call, and no channel", { timeout: 120_000 }, async () => {
    const records = async () => {
      const database = openReading(join(whole.service.stateDir, "records"));
      try {
        return database ? await listCalls(database.db, { limit: 100 }) : [];
      } finally {
        database?.close();
      }
    };
    const open = async () => (await records()).filter(({ ended }) => ended === null).length;
    await expect.poll(open, { timeout: 40_000 }).toBe(0);
    const ids = (await records()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    // Calls that nobody took in time have none.
    expect(callsMade - ids.length).toBeLessThanOrEqual(late);
    expect(ids.length).toBeLessThanOrEqual(callsMade);
    // Each worker has one that says that it is there.
    const left = async (): Promise<number> =>
      (await whole.asterisk.cli("core show channels concise")).match(/^(?!.*!sidetone-presence!).+!/gm)?.length ?? 0;
    await expect.poll(left, { timeout: 5000 }).toBe(0);
  });
});
