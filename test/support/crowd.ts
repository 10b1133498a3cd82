import { systemClock } from "../../src/base/clock.ts";
import { messageOf, OutsideError } from "../../src/base/errors.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import type { WorkerSummary } from "../../src/server/server.ts";
import { isGreeted } from "./greeting.ts";

/** A PBX with Sidetone beside it, several workers of which may go on with each other's calls. */
export interface Stage extends AsyncDisposable {
  readonly menu: Int16Array;
  /** What an agent says first to a caller whose call was interrupted. */
  readonly excuse: Int16Array;
  /** Calls the agent, under a name that the call's record has. */
  call(name: string, signal: AbortSignal): Promise<CallLeg>;
  /** Those that take calls, and of which the dialplan knows. */
  workers(): Promise<readonly WorkerSummary[]>;
  /** Of the calls that are written down so far that another worker can go on with them, the callers' names. */
  kept(): Promise<ReadonlySet<string>>;
  records(): Promise<readonly Cdr[]>;
}

export interface CrowdOptions {
  readonly callers: number;
  /** How many workers there are when all are up. */
  readonly workers: number;
  /** How many of them die in the same moment. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
}

/** What became of the calls that one moment's kills hit. */
export interface Struck {
  /** Workers that got a SIGKILL. */
  readonly kills: number;
  /** Calls that had their agent in one of them. */
  readonly calls: number;
  /** The call ended. */
  readonly lost: number;
  /** Neither an agent nor the menu could be told in what the caller received within five seconds. */
  readonly silent: number;
  /** For the first time, and another agent went on: from the kill to its first sound. */
  readonly resumedMs: readonly number[];
  /** For the first time, and the menu had the caller. */
  readonly menuMs: readonly number[];
  /** For the second time: the menu, as is promised. */
  readonly twiceMs: readonly number[];
}

interface Caller {
  readonly name: string;
  readonly leg: CallLeg;
  deaths: number;
}

interface Heard {
  readonly caller: Caller;
  readonly what: "agent" | "menu";
  readonly ms: number;
}

const HEARD_BY_MS = 5000;
const UP_MS = 60_000;
const LOOK_MS = 50;
const SETTLED_MS = 5000;

/** Callers with an agent on the line, kept at their number: who has lost its agent twice makes room for another one. */
export class Crowd {
  /** Who was with an agent, and how often a kill has cost it one. */
  readonly greeted = new Map<string, number>();
  /** Calls that were in the menu before any kill: a busy machine's worker may be too late for the dialplan's half second. */
  late = 0;
  /** Calls that lost their agent without a kill of ours: where nobody has a processor the menu has them. */
  strayed = 0;
  readonly #stage: Stage;
  readonly #options: CrowdOptions;
  #callers: Caller[] = [];
  #called = 0;

  constructor(stage: Stage, options: CrowdOptions) {
    this.#stage = stage;
    this.#options = options;
  }

  /** Waits until everybody talks to an agent; then the workers with the most calls die. */
  async strike(): Promise<Struck> {
    const { atOnce, signal } = this.#options;
    await this.#until(async () => {
      const up = (await this.#stage.workers()).length;
      return up < this.#options.workers ? `${up} workers are up` : "";
    });
    while (!(await this.#settled())) await this.#fill();
    const workers = (await this.#stage.workers()).toSorted((a, b) => b.calls - a.calls);
    const victims = workers.slice(0, atOnce).filter(({ calls }) => calls > 0);
    const hit = victims.reduce((sum, { calls }) => sum + calls, 0);
    const killedMs = systemClock.now();
    for (const { pid } of victims) process.kill(pid, "SIGKILL");
    const heard = await this.#listen(killedMs, hit, signal);
    return this.#count(heard, { kills: victims.length, hit });
  }

  async hangUp(): Promise<void> {
    await Promise.all(this.#callers.map(({ leg }) => leg.hangUp()));
    this.#callers = [];
  }

  /** What is wrong with the records: each call that an agent answered has one, which is complete. Empty: nothing. */
  async recordFaults(): Promise<readonly string[]> {
    let faults: readonly string[] = [];
    const look = async (): Promise<string> => {
      const records = Map.groupBy(await this.#stage.records(), ({ fromName }) => fromName);
      faults = [...this.greeted].flatMap(([name, deaths]) => faultsOf(name, deaths, records.get(name) ?? []));
      return faults.join("; ");
    };
    // Whoever has ended all this wants to know as well.
    await this.#until(look, new AbortController().signal).catch(() => undefined);
    return faults;
  }

  async #fill(): Promise<void> {
    // Who has hung up by itself between two kills was not lost to one of them.
    this.#callers = this.#callers.filter(({ leg }) => !leg.signal.aborted);
    const missing = this.#options.callers - this.#callers.length;
    this.#callers.push(...(await Promise.all(Array.from({ length: missing }, () => this.#greet()))));
  }

  async #greet(): Promise<Caller> {
    const { signal } = this.#options;
    for (;;) {
      const name = `Caller ${++this.#called}`;
      const leg = await this.#stage.call(name, signal);
      if ((await isGreeted(leg, { menu: this.#stage.menu, signal })) && (await this.#hasAgent(name, leg))) {
        this.greeted.set(name, 0);
        return { name, leg, deaths: 0 };
      }
      await leg.hangUp();
      this.late++;
    }
  }

  /** By what is written down: where packets came late, ears alone have taken the menu for a greeting. */
  async #hasAgent(name: string, leg: CallLeg): Promise<boolean> {
    const { signal } = this.#options;
    const look = { sinceMs: leg.times.answeredMs ?? 0, withinMs: 0, clock: systemClock, signal };
    let inMenu = false;
    await this.#until(async () => {
      if ((await this.#stage.kept()).has(name)) return "";
      inMenu = (await heardSound(leg, { ...look, sound: this.#stage.menu })) !== undefined;
      return inMenu ? "" : `${name} is neither with an agent nor in the menu`;
    });
    return !inMenu;
  }

  /** Everybody is there, with one agent, and stands where another one would look for the call. False: somebody else has to be called. */
  async #settled(): Promise<boolean> {
    if (this.#callers.length < this.#options.callers) return false;
    const deadlineMs = systemClock.now() + SETTLED_MS;
    for (;;) {
      const workers = await this.#stage.workers().catch(() => []);
      const calls = workers.reduce((sum, worker) => sum + worker.calls, 0);
      const kept = await this.#stage.kept();
      const strays = this.#callers.filter(({ name }) => !kept.has(name));
      if (calls === this.#callers.length && strays.length === 0) return true;
      if (systemClock.now() > deadlineMs) return await this.#letGo(strays);
      await systemClock.sleep(LOOK_MS, this.#options.signal);
    }
  }

  async #letGo(strays: readonly Caller[]): Promise<false> {
    this.strayed += strays.length;
    await Promise.all(strays.map(({ leg }) => leg.hangUp()));
    return false;
  }

  async #listen(killedMs: number, hit: number, signal: AbortSignal): Promise<Heard[]> {
    const { menu, excuse } = this.#stage;
    const heard: Heard[] = [];
    const look = { sinceMs: killedMs, withinMs: 0, clock: systemClock, signal };
    while (systemClock.now() - killedMs < HEARD_BY_MS && heard.length < hit) {
      await systemClock.sleep(LOOK_MS, signal);
      for (const caller of this.#callers) {
        if (heard.some((one) => one.caller === caller) || caller.leg.signal.aborted) continue;
        const agentMs = await heardSound(caller.leg, { ...look, sound: excuse });
        const menuMs = agentMs === undefined ? await heardSound(caller.leg, { ...look, sound: menu }) : undefined;
        const atMs = agentMs ?? menuMs;
        if (atMs === undefined) continue;
        heard.push({ caller, what: agentMs === undefined ? "menu" : "agent", ms: atMs - killedMs });
      }
    }
    return heard;
  }

  #count(heard: readonly Heard[], { kills, hit }: { kills: number; hit: number }): Struck {
    const ended = this.#callers.filter(({ leg }) => leg.signal.aborted).length;
    const times = (what: Heard["what"], twice: boolean): number[] =>
      heard.flatMap((one) => (one.what === what && one.caller.deaths > 0 === twice ? [one.ms] : []));
    const struck = {
      ...{ kills, calls: hit, lost: ended, silent: Math.max(0, hit - heard.length - ended) },
      ...{ resumedMs: times("agent", false), menuMs: times("menu", false), twiceMs: times("menu", true) },
    };
    for (const { caller } of heard) {
      caller.deaths++;
      this.greeted.set(caller.name, caller.deaths);
    }
    const inMenu = heard.flatMap(({ what, caller }) => (what === "menu" ? [caller] : []));
    this.#callers = this.#callers.filter((caller) => !inMenu.includes(caller));
    void Promise.all(inMenu.map(({ leg }) => leg.hangUp()));
    return struck;
  }

  /** Waits until nothing is wrong any more. */
  async #until(wrong: () => Promise<string>, signal = this.#options.signal): Promise<void> {
    const deadlineMs = systemClock.now() + UP_MS;
    // Whoever has the API's port may have been killed just now.
    const look = () => wrong().catch((error: unknown) => messageOf(error));
    for (let what = await look(); what !== ""; what = await look()) {
      if (systemClock.now() > deadlineMs) throw new OutsideError("LATE", `after ${UP_MS / 1000} s still: ${what}`);
      await systemClock.sleep(LOOK_MS, signal);
    }
  }
}

function faultsOf(name: string, deaths: number, records: readonly Cdr[]): string[] {
  if (records.length !== 1) return [`${name} has ${records.length} records: ${records.map(({ id }) => id).join(", ")}`];
  const [record] = records;
  if (!record || record.ended === null) return [`${name}'s record is not complete`];
  const lost = record.fallbacks.filter((reason) => reason === "lost").length;
  return lost < Math.min(1, deaths) ? [`${name} lost its agent ${deaths} times, its record says ${lost}`] : [];
}
