import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound, soundOf, spoken } from "../../src/cli/demo/actors.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { providers } from "../../src/providers/index.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const KILLS = 4;
const NUMBER = "4100";
const RESUMED_MS = 1500;
const ALL_KILLED_MS = 1200;

const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("two services on one PBX, with one journal", () => {
  let whole: WholeService;
  let second: DemoService;
  let excuse: Int16Array;
  const callsOf = new Map<DemoService, Set<string>>();
  const over = new AbortController();

  /** Which service has which calls, as each tells it. */
  async function watch(service: DemoService): Promise<void> {
    const calls = new Set<string>();
    callsOf.set(service, calls);
    while (!over.signal.aborted) {
      try {
        for await (const event of service.events(over.signal)) if (event.type === "started") calls.add(event.call);
      } catch {
        // Its worker has been killed: the next one is asked.
      }
      await systemClock.sleep(50, over.signal).catch(() => undefined);
    }
  }

  beforeAll(async () => {
    if (!install) return;
    const settings = { supervisor: { restartMaxMs: 250 } };
    whole = await startWholeService(install, { settings, presence: true });
    const { ari, ami } = whole.asterisk;
    const { stateDir } = whole.service;
    second = await startDemoService({
      engines: { asterisk: { ari, ami, presence: true } },
      dir: join(whole.dir, "second"),
      clock: systemClock,
      settings: {
        ...settings,
        journal: { dir: join(stateDir, "journal") },
        records: { dir: join(stateDir, "records") },
      },
    });
    const flite = providers.tts.flite;
    const voice = flite.create(flite.schema.parse({}), { clock: systemClock, log: silentLog });
    const signal = AbortSignal.timeout(60_000);
    excuse = soundOf(await spoken(voice, { text: "Sorry, the line was interrupted.", as: "slt", signal }));
    await voice.close();
    expect(excuse.length).toBeGreaterThan(8000);
    for (const service of [whole.service, second]) void watch(service);
  }, 120_000);
  afterAll(async () => {
    over.abort();
    await second?.stop();
    await whole?.[Symbol.asyncDispose]();
  });

  const services = (): DemoService[] => [whole.service, second];

  /** Both take calls, and the dialplan knows it. */
  async function bothUp(signal: AbortSignal): Promise<Map<DemoService, number>> {
    await Promise.all(services().map((service) => service.ready(signal)));
    const present = async (): Promise<number> =>
      (await whole.asterisk.cli("core show channels concise")).match(/!sidetone-presence!/g)?.length ?? 0;
    await expect.poll(present, { timeout: 40_000 }).toBe(2);
    return new Map(await Promise.all(services().map(async (service) => [service, await service.workerPid()] as const)));
  }

  /** A call whose agent is in the middle of its greeting. */
  async function greeted(signal: AbortSignal): Promise<CallLeg> {
    for (const calls of callsOf.values()) calls.clear();
    const leg = await whole.phone.call(NUMBER, { codec: "ulaw", signal });
    await leg.answered;
    await leg.heard.soundFor({ ms: 900, sinceMs: leg.times.answeredMs ?? 0, signal });
    return leg;
  }

  const talking = (): DemoService | undefined => services().find((service) => (callsOf.get(service)?.size ?? 0) > 0);

  async function killOnce(): Promise<number | undefined> {
    const signal = AbortSignal.timeout(60_000);
    const pids = await bothUp(signal);
    const leg = await greeted(signal);
    try {
      await expect.poll(talking).toBeDefined();
      const pid = pids.get(talking() ?? second) ?? 0;
      const killedMs = systemClock.now();
      process.kill(pid, "SIGKILL");
      const options = { sound: excuse, sinceMs: killedMs, withinMs: 5000, clock: systemClock, signal };
      const heardMs = await heardSound(leg, options);
      expect(leg.signal.aborted, "the call is still up").toBe(false);
      return heardMs === undefined ? undefined : heardMs - killedMs;
    } finally {
      await leg.hangUp();
    }
  }

  test(`a worker killed in mid-sentence: the other one's voice, ${KILLS} times`, { timeout: 240_000 }, async () => {
    const resumedMs: (number | undefined)[] = [];
    for (let kill = 0; kill < KILLS; kill++) resumedMs.push(await killOnce());
    const heard = resumedMs.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    process.stdout.write(`kill to the other worker's first sound, ms: ${heard.map(Math.round).join(" ")}\n`);
    expect(heard).toHaveLength(KILLS);
    expect(heard.at(-1)).toBeLessThan(RESUMED_MS);
  });

  test("each of these calls has one record, with what was said before and after", async () => {
    const dir = join(whole.service.stateDir, "records");
    const records = async () => {
      const database = openReading(dir);
      try {
        return database ? await listCalls(database.db, { limit: 100 }) : [];
      } finally {
        database?.close();
      }
    };
    await expect.poll(async () => (await records()).filter(({ ended }) => ended !== null).length).toBe(KILLS);
    for (const { id, attempt, turns, fallbacks } of await records()) {
      expect(id).not.toMatch(/-2$/);
      expect({ attempt, fallbacks }).toEqual({ attempt: 2, fallbacks: ["lost"] });
      expect(turns[0]?.agent).toContain("Harbour Clinic");
      expect(turns[1]?.agent).toContain("Sorry, the line was interrupted.");
    }
  });

  test("both killed in the same moment: the menu", { timeout: 120_000 }, async () => {
    const signal = AbortSignal.timeout(80_000);
    const pids = await bothUp(signal);
    const leg = await greeted(signal);
    try {
      const killedMs = systemClock.now();
      for (const pid of pids.values()) process.kill(pid, "SIGKILL");
      const options = { sound: whole.menu, sinceMs: killedMs, withinMs: 5000, clock: systemClock, signal };
      const menuMs = (await heardSound(leg, options)) ?? Number.POSITIVE_INFINITY;
      process.stdout.write(`all killed to the menu's first sound, ms: ${Math.round(menuMs - killedMs)}\n`);
      expect(menuMs - killedMs).toBeLessThan(ALL_KILLED_MS);
    } finally {
      await leg.hangUp();
    }
  });
});
