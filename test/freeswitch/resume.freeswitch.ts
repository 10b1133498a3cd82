import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReachableFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { packageFolder } from "../../src/base/package.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { Phone } from "../../src/caller/phone.ts";
import { heardSound, soundOf, spoken } from "../../src/cli/demo/actors.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { makePrompts } from "../../src/cli/prompts.ts";
import { providers } from "../../src/providers/index.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { NUMBER, openFreeswitch } from "./open.ts";

const KILLS = 6;
const RESUMED_MS = 1500;
const ALL_KILLED_MS = 1200;
const READY_MS = 40_000;
const REDIALS = 3;
const KEPT_MS = 2000;

describe("two services on one FreeSWITCH, with one journal", () => {
  const undo = new AsyncDisposableStack();
  const over = new AbortController();
  const services: DemoService[] = [];
  const callsOf = new Map<DemoService, Set<string>>();
  let pbx: ReachableFreeswitch;
  let phone: Phone;
  let menu: Int16Array;
  let excuse: Int16Array;

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), "sidetone-resume-"));
    undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const sounds = join(dir, "prompts");
    const flite = providers.tts.flite;
    const tts = flite.create(flite.schema.parse({}), { clock: systemClock, log: silentLog });
    const voice = { tts, voice: "slt", language: "en" };
    await makePrompts({ list: join(packageFolder, "deploy/prompts/en.yaml"), out: sounds, voice });
    [menu = new Int16Array()] = readWav(await readFile(join(sounds, "menu.wav"))).channels;
    const signal = AbortSignal.timeout(60_000);
    excuse = soundOf(await spoken(tts, { text: "Sorry, the line was interrupted.", as: "slt", signal }));
    await tts.close();
    pbx = await openFreeswitch({ sounds, globals: {} });
    undo.defer(() => pbx.stop());
    // One journal and one folder of records for both; a port of its own for each.
    journalDir = join(dir, "journal");
    const shared = { journal: { dir: journalDir }, records: { dir: join(dir, "records") } };
    for (const [index, port] of pbx.ports.lend.entries()) {
      const service = await startDemoService({
        engines: { freeswitch: { esl: pbx.esl, lend: { port } } },
        dir: join(dir, `service-${index}`),
        clock: systemClock,
        // Both PBX and two services start again and again on this machine: only who is killed shall die here.
        settings: { supervisor: { restartMaxMs: 250, killAfterMs: 5000 }, ...shared },
      });
      undo.defer(() => service.stop());
      services.push(service);
      void watch(service);
    }
    phone = new Phone(
      { pbx: { transport: "udp", host: pbx.trunkHost, port: pbx.ports.trunk }, user: "caller" },
      { clock: systemClock, log: silentLog },
    );
    undo.defer(() => phone.stop());
    await phone.start();
    records = async () => {
      const database = openReading(join(dir, "records"));
      try {
        return database ? await listCalls(database.db, { limit: 100 }) : [];
      } finally {
        database?.close();
      }
    };
  }, 120_000);
  afterAll(async () => {
    over.abort();
    await undo.disposeAsync();
  }, 60_000);

  let journalDir: string;
  let records: () => ReturnType<typeof listCalls>;

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

  async function bothUp(): Promise<Map<DemoService, number>> {
    const signal = AbortSignal.timeout(READY_MS);
    await Promise.all(services.map((service) => service.ready(signal)));
    return new Map(await Promise.all(services.map(async (service) => [service, await service.workerPid()] as const)));
  }

  /** A call whose agent is in the middle of its greeting. One that a worker without a processor has lost is no kill's: it is dialled again. */
  async function greeted(signal: AbortSignal): Promise<CallLeg> {
    for (let redials = 0; redials <= REDIALS; redials++) {
      for (const calls of callsOf.values()) calls.clear();
      const leg = await phone.call(NUMBER, { codec: "ulaw", signal });
      await leg.answered;
      await leg.heard.soundFor({ ms: 900, sinceMs: leg.times.answeredMs ?? 0, signal });
      if (await isKept(leg)) return leg;
      await leg.hangUp();
    }
    throw new Error(`${REDIALS + 1} calls in a row had no agent`);
  }

  /** A worker that dies before the disk has its call's beginning leaves one of which nothing is known: not meant here. */
  async function isKept(leg: CallLeg): Promise<boolean> {
    const deadlineMs = systemClock.now() + KEPT_MS;
    while (systemClock.now() < deadlineMs && !leg.signal.aborted) {
      if (oneIsSaying(await journals(journalDir))) return true;
      await systemClock.sleep(50);
    }
    return false;
  }

  const talking = (): DemoService | undefined => services.find((service) => (callsOf.get(service)?.size ?? 0) > 0);

  async function killOnce(): Promise<number | undefined> {
    const signal = AbortSignal.timeout(60_000);
    const pids = await bothUp();
    const leg = await greeted(signal);
    try {
      await expect.poll(talking).toBeDefined();
      const service = talking();
      const pid = service && pids.get(service);
      if (!pid) throw new Error("nobody has the call");
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
    await expect.poll(async () => (await records()).filter(({ ended }) => ended !== null).length).toBe(KILLS);
    for (const { id, attempt, turns, fallbacks } of await records()) {
      expect(id).not.toMatch(/-2$/);
      expect({ attempt, fallbacks }).toEqual({ attempt: 2, fallbacks: ["lost"] });
      expect(turns[0]?.agent).toContain("Harbour Clinic");
      expect(turns[1]?.agent).toContain("Sorry, the line was interrupted.");
    }
  });

  test("both killed in the same moment: the menu", { timeout: 90_000 }, async () => {
    const signal = AbortSignal.timeout(80_000);
    const pids = await bothUp();
    const leg = await greeted(signal);
    try {
      const killedMs = systemClock.now();
      for (const pid of pids.values()) process.kill(pid, "SIGKILL");
      const options = { sound: menu, sinceMs: killedMs, withinMs: 5000, clock: systemClock, signal };
      const menuMs = (await heardSound(leg, options)) ?? Number.POSITIVE_INFINITY;
      process.stdout.write(`all killed to the menu's first sound, ms: ${Math.round(menuMs - killedMs)}\n`);
      expect(menuMs - killedMs).toBeLessThan(ALL_KILLED_MS);
    } finally {
      await leg.hangUp();
    }
  });

  test("killed, and then the one that went on as well: the menu", { timeout: 90_000 }, async () => {
    const signal = AbortSignal.timeout(80_000);
    const pids = await bothUp();
    const leg = await greeted(signal);
    try {
      await expect.poll(talking).toBeDefined();
      const first = talking();
      const other = services.find((service) => service !== first);
      const [firstPid, otherPid] = [first && pids.get(first), other && pids.get(other)];
      if (!firstPid || !otherPid) throw new Error("nobody has the call");
      process.kill(firstPid, "SIGKILL");
      const resumed = { sound: excuse, sinceMs: systemClock.now(), withinMs: 5000, clock: systemClock, signal };
      expect(await heardSound(leg, resumed)).toBeDefined();
      const killedMs = systemClock.now();
      process.kill(otherPid, "SIGKILL");
      const options = { sound: menu, sinceMs: killedMs, withinMs: 5000, clock: systemClock, signal };
      const menuMs = (await heardSound(leg, options)) ?? Number.POSITIVE_INFINITY;
      process.stdout.write(`killed twice to the menu's first sound, ms: ${Math.round(menuMs - killedMs)}\n`);
      expect(menuMs - killedMs).toBeLessThan(ALL_KILLED_MS);
    } finally {
      await leg.hangUp();
    }
  });
});

/** What stands in the journal of the calls that are up, or were. */
async function journals(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(dir, name), "utf8").catch(() => "")));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? ""]));
}

const oneIsSaying = (files: Record<string, string>): boolean =>
  Object.keys(files).length === 1 && Object.values(files).every((text) => text.includes('"saying"'));
