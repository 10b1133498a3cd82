import { chmod, cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { ReachableFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { Phone } from "../../src/caller/phone.ts";
import { LINE_RATE } from "../../src/cli/demo/actors.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import type { WorkerSummary } from "../../src/server/server.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { isGreeted, saidBy } from "../support/greeting.ts";
import { type HeardFirst, heardFirst } from "../support/heard-first.ts";
import { promptsFolder } from "../support/prompts.ts";
import { NUMBER, openFreeswitch } from "./open.ts";

const UP_MS = 40_000;
const SAYING_MS = 2000;
/** Calls that a worker without a processor was too late for: those callers are in the menu, and no kill's. */
const MAX_LATE = 3;
/** So much of a sound tells it from the others, and is heard whole on a machine that is busy with starting workers. */
const BEGINNING_MS = 700;
/** Workers start again and again on this machine: only who is killed shall die here, and not who waits for a processor. */
const PATIENT = { restartMaxMs: 250, killAfterMs: 5000 };

/** A caller to whom an agent is talking, in the middle of a sentence that stands in the journal. */
export interface Greeted {
  readonly id: string;
  readonly leg: CallLeg;
  readonly pid: number;
}

export type Recorded = Awaited<ReturnType<typeof listCalls>>[number];

interface StandParts {
  readonly dir: string;
  readonly pbx: ReachableFreeswitch;
  readonly phone: Phone;
}

interface StandSounds {
  readonly menu: Int16Array;
  readonly sibling: Int16Array;
}

/** A real FreeSWITCH with the shipped files, services as users run them with one journal and one folder of records, and a telephone. */
export class Stand {
  readonly #undo: AsyncDisposableStack;
  readonly #services: DemoService[] = [];
  readonly #parts: StandParts;
  readonly #sounds: StandSounds;
  #late = 0;
  readonly #legs: CallLeg[] = [];
  /** Every call whose agent was heard. */
  readonly greetedIds: string[] = [];

  private constructor(undo: AsyncDisposableStack, parts: StandParts, sounds: StandSounds) {
    this.#undo = undo;
    this.#parts = parts;
    this.#sounds = sounds;
  }

  static async open(): Promise<Stand> {
    await using undo = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "sidetone-stand-"));
    undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    // A FreeSWITCH that ran before has another user.
    await chmod(dir, 0o755);
    const sounds = join(dir, "prompts");
    await cp(await promptsFolder(), sounds, { recursive: true });
    const [menu = new Int16Array()] = readWav(await readFile(join(sounds, "menu.wav"))).channels;
    const sibling = await saidBy("Sorry, the line was interrupted.");
    const pbx = await openFreeswitch({ sounds, globals: {} });
    undo.defer(() => pbx.stop());
    const phone = new Phone(
      { pbx: { transport: "udp", host: pbx.trunkHost, port: pbx.ports.trunk }, user: "caller" },
      { clock: systemClock, log: silentLog },
    );
    undo.defer(() => phone.stop());
    await phone.start();
    return new Stand(undo.move(), { dir, pbx, phone }, { menu: beginningOf(menu), sibling: beginningOf(sibling) });
  }

  /** Starts a service at the next of the ports that the dialplan tries. */
  async serve(settings: Readonly<Record<string, unknown>> = {}): Promise<DemoService> {
    const { dir, pbx } = this.#parts;
    const index = this.#services.length;
    const service = await startDemoService({
      engines: { freeswitch: { esl: pbx.esl, lend: { port: pbx.ports.lend[index] } } },
      dir: join(dir, `service-${index}`),
      clock: systemClock,
      settings: {
        supervisor: PATIENT,
        journal: { dir: join(dir, "journal") },
        records: { dir: join(dir, "records") },
        ...settings,
      },
    });
    this.#undo.defer(() => service.stop());
    this.#services.push(service);
    return service;
  }

  /** All workers of all services that take calls. */
  async taking(): Promise<readonly WorkerSummary[]> {
    // Whoever had the API's port may have been killed just now.
    const all = await Promise.all(this.#services.map((service) => service.workers().catch(() => [])));
    return all.flat().filter(({ taking }) => taking);
  }

  /** Resolves when so many workers take calls, and have none but those of `calls` callers. */
  async up(workers: number, calls = 0): Promise<readonly number[]> {
    const signal = AbortSignal.timeout(UP_MS);
    const state = async () => {
      await Promise.all(this.#services.map((service) => service.ready(signal)));
      const taking = await this.taking();
      return [taking.length, taking.reduce((sum, worker) => sum + worker.calls, 0), (await this.#channels()).length];
    };
    await expect.poll(state, { timeout: UP_MS }).toEqual([workers, calls, calls]);
    return (await this.taking()).map(({ pid }) => pid);
  }

  async call(): Promise<CallLeg> {
    const leg = await this.#parts.phone.call(NUMBER, { codec: "ulaw", signal: AbortSignal.timeout(60_000) });
    this.#legs.push(leg);
    return leg;
  }

  async greeted(): Promise<Greeted> {
    const before = new Map((await this.taking()).map(({ pid, calls }) => [pid, calls]));
    const channels = new Set(await this.#channels());
    for (;;) {
      const leg = await this.call();
      if (await isGreeted(leg, { menu: this.#sounds.menu, signal: AbortSignal.timeout(30_000) })) {
        const id = (await this.#channels()).find((channel) => !channels.has(channel)) ?? "";
        if (await this.#isSaying(id)) return { leg, id, pid: await this.#ownerOf(before) };
      }
      await leg.hangUp();
      this.#late++;
      expect(this.#late, "calls that had no agent before any kill").toBeLessThanOrEqual(MAX_LATE);
      await expect.poll(() => this.#channels(), { timeout: UP_MS }).toEqual([...channels]);
    }
  }

  heard(leg: CallLeg, sinceMs: number): Promise<HeardFirst> {
    return heardFirst(leg, { ...this.#sounds, sinceMs });
  }

  /** Does this to these workers, and says what these callers hear first. */
  async hurt(signal: "SIGKILL" | "SIGSTOP", pids: readonly number[], ...legs: CallLeg[]): Promise<HeardFirst[]> {
    const sinceMs = systemClock.now();
    for (const pid of pids) process.kill(pid, signal);
    const heard = await Promise.all(legs.map((leg) => this.heard(leg, sinceMs)));
    for (const leg of legs) expect(leg.signal.aborted, "the call is still up").toBe(false);
    return heard;
  }

  /** All callers hang up, and FreeSWITCH has no channel left. */
  async quiet(): Promise<void> {
    await Promise.all(this.#legs.splice(0).map((leg) => leg.hangUp()));
    await expect.poll(() => this.#channels(), { timeout: 10_000 }).toEqual([]);
  }

  /** The records of all calls, when none of them is open any more. */
  async records(): Promise<readonly Recorded[]> {
    const read = async (): Promise<readonly Recorded[]> => {
      const database = openReading(join(this.#parts.dir, "records"));
      try {
        return database ? await listCalls(database.db, { limit: 500 }) : [];
      } finally {
        database?.close();
      }
    };
    const open = async () => (await read()).filter(({ ended }) => ended === null).map(({ id }) => id);
    await expect.poll(open, { timeout: UP_MS }).toEqual([]);
    return await read();
  }

  /** Channels that callers have opened. */
  async #channels(): Promise<string[]> {
    const shown = await this.#parts.pbx.cli("show channels");
    return [...shown.matchAll(/^([0-9a-f-]{36}),inbound,/gm)].map(([, id = ""]) => id);
  }

  close(): Promise<void> {
    return this.#undo.disposeAsync();
  }

  /** A worker that dies before the disk has its call's beginning leaves one of which nothing is known: not meant here. */
  async #isSaying(id: string): Promise<boolean> {
    const dir = join(this.#parts.dir, "journal");
    const deadlineMs = systemClock.now() + SAYING_MS;
    while (id !== "" && systemClock.now() < deadlineMs) {
      const name = (await readdir(dir)).find((file) => file.includes(id));
      const text = name === undefined ? "" : await readFile(join(dir, name), "utf8").catch(() => "");
      if (text.includes('"saying"')) {
        this.greetedIds.push(id);
        return true;
      }
      await systemClock.sleep(20);
    }
    return false;
  }

  /** Whoever has a call more than before, by the supervisor's count. */
  async #ownerOf(before: ReadonlyMap<number, number>): Promise<number> {
    const owner = async (): Promise<number> =>
      (await this.taking()).find(({ pid, calls }) => calls > (before.get(pid) ?? 0))?.pid ?? 0;
    await expect.poll(owner, { timeout: 5000 }).toBeGreaterThan(0);
    return await owner();
  }
}

function beginningOf(sound: Int16Array): Int16Array {
  const first = sound.findIndex((sample) => Math.abs(sample) > 400);
  return sound.subarray(first, first + (BEGINNING_MS * LINE_RATE) / 1000);
}

/** Prints what was measured: each figure, and the half and nineteen of twenty of them. */
export function report(what: string, heard: readonly HeardFirst[]): void {
  const sorted = heard.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  const each = heard.map(({ what, ms }) => (what === "sibling" ? `${ms}` : `${what} ${ms}`)).join(" ");
  process.stdout.write(`${what}, ms: ${each}; p50 ${at(0.5)}, p95 ${at(0.95)}\n`);
}

/** The machine may be shared: one slow kill is its business, half of them ours. */
export const middleOf = (heard: readonly HeardFirst[]): number =>
  heard.map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.floor(heard.length / 2)] ?? Number.POSITIVE_INFINITY;
