import { systemClock } from "../../src/base/clock.ts";
import { messageOf, OutsideError } from "../../src/base/errors.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { Aftermath, type Caller, type Told } from "./aftermath.ts";
import { isGreeted } from "./greeting.ts";
import type { Stage } from "./stage.ts";

export interface CrowdOptions {
  readonly callers: number;
  /** How many workers must be up before others die. */
  readonly up: number;
  /** How many of them die in the same moment. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
}

/** What became of the calls that one moment's kills hit. */
export interface Struck {
  /** Workers that got a SIGKILL. */
  readonly kills: number;
  /** Callers who were hearing an agent at that moment. */
  readonly midSentence: number;
  /** Calls that had their agent in one of them. */
  readonly calls: number;
  /** The call ended. */
  readonly lost: number;
  /** Neither an agent nor the menu had the call within five seconds. */
  readonly silent: number;
  /** Of the calls that somebody had, those of which only the journal and the records say who: the machine gave them too few packets to tell by ear. */
  readonly unclear: number;
  /** For the first time: another agent went on, or greeted the caller anew, because nothing was known of the call, or the menu had the caller. For the second time: the menu, as is promised. */
  readonly resumed: number;
  readonly anew: number;
  readonly menu: number;
  readonly twice: number;
  /** From the kill to its first sound, of those who were heard. */
  readonly resumedMs: readonly number[];
  readonly menuMs: readonly number[];
  readonly twiceMs: readonly number[];
  /** Where some were silent: what is known of all who were not told. */
  readonly puzzles: readonly string[];
}

const UP_MS = 120_000;
const LOOK_MS = 150;
const SETTLED_MS = 5000;
/** A busy machine's disk takes long for a new call's first line. */
const WRITTEN_MS = 10_000;

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
    const { atOnce } = this.#options;
    await this.#until(async () => {
      const up = (await this.#stage.workers()).length;
      return up < this.#options.up ? `${up} workers are up` : "";
    });
    while (!(await this.#settled())) await this.#fill();
    const workers = (await this.#stage.workers()).toSorted((a, b) => b.calls - a.calls);
    const victims = workers.slice(0, atOnce).filter(({ calls }) => calls > 0);
    const hit = victims.reduce((sum, { calls }) => sum + calls, 0);
    const midSentence = this.#callers.filter(({ leg }) => leg.heard.current !== undefined).length;
    const killedMs = systemClock.now();
    for (const { pid } of victims) process.kill(pid, "SIGKILL");
    const aftermath = new Aftermath(this.#callers, { stage: this.#stage, killedMs, hit, signal: this.#options.signal });
    const heard = await aftermath.told();
    const struck = this.#count(heard, { kills: victims.length, midSentence, hit });
    return struck.silent > 0 ? { ...struck, puzzles: await aftermath.puzzles(heard) } : struck;
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

  /** How many channels there are after everybody has hung up, and stay. */
  async leftOver(): Promise<number> {
    const look = async (): Promise<string> => `${(await this.#stage.channels()) || ""}`;
    await this.#until(look, new AbortController().signal).catch(() => undefined);
    return await this.#stage.channels();
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

  /** By what is written down: where packets came late, ears alone have taken the menu for a greeting. A call of which nothing is written is of no use here. */
  async #hasAgent(name: string, leg: CallLeg): Promise<boolean> {
    const deadlineMs = systemClock.now() + WRITTEN_MS;
    const look = { sinceMs: leg.times.answeredMs ?? 0, withinMs: 0, clock: systemClock, signal: this.#options.signal };
    for (;;) {
      const kept = await this.#stage.kept().catch(() => new Map<string, number>());
      if (kept.has(name)) return true;
      if ((await heardSound(leg, { ...look, sound: this.#stage.menu })) !== undefined) return false;
      if (systemClock.now() > deadlineMs) return false;
      await systemClock.sleep(LOOK_MS, this.#options.signal);
    }
  }

  /** Everybody is there, with one agent, and stands where another one would look for the call. False: somebody else has to be called. */
  async #settled(): Promise<boolean> {
    if (this.#callers.length < this.#options.callers) return false;
    const deadlineMs = systemClock.now() + SETTLED_MS;
    for (;;) {
      const workers = await this.#stage.workers().catch(() => []);
      const calls = workers.reduce((sum, worker) => sum + worker.calls, 0);
      const kept = await this.#stage.kept();
      const strays = this.#callers.filter(({ name, deaths }) => (kept.get(name) ?? 0) <= deaths);
      if (calls === this.#callers.length && strays.length === 0) return true;
      // Workers that count other calls than ours: nobody knows whose.
      if (systemClock.now() > deadlineMs) return await this.#letGo(strays.length > 0 ? strays : this.#callers);
      await systemClock.sleep(LOOK_MS, this.#options.signal);
    }
  }

  async #letGo(strays: readonly Caller[]): Promise<false> {
    this.strayed += strays.length;
    await Promise.all(strays.map(({ leg }) => leg.hangUp()));
    return false;
  }

  #count(heard: readonly Told[], { hit, ...rest }: { kills: number; midSentence: number; hit: number }): Struck {
    const ended = this.#callers.filter(({ leg }) => leg.signal.aborted).length;
    const those = (what: Told["what"], twice: boolean): Told[] =>
      heard.filter((one) => one.what === what && one.caller.deaths > 0 === twice);
    const times = (some: readonly Told[]): number[] => some.flatMap(({ ms }) => (ms === undefined ? [] : [ms]));
    const [resumed, anew, menu] = [those("agent", false), those("anew", false), those("menu", false)];
    const twice = those("menu", true);
    const struck = {
      ...{ ...rest, calls: hit, lost: ended, silent: Math.max(0, hit - heard.length - ended) },
      ...{ unclear: heard.filter(({ ms }) => ms === undefined).length },
      ...{ resumed: resumed.length, anew: anew.length, menu: menu.length, twice: twice.length },
      ...{ resumedMs: times(resumed), menuMs: times(menu), twiceMs: times(twice), puzzles: [] },
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
