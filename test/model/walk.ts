import { Faults } from "./faults.ts";
import type { CallChannel } from "./pbx.ts";
import type { Machine } from "./service.ts";
import type { Household } from "./supervisor.ts";
import type { Process } from "./world.ts";

/** How long two may believe that they have a call: until the one that has it no more hears so. */
const NEWS_MS = 300;
/** A tool waits so long for a disk that does not take the journal; when it is over, it looks whether there is still a call. */
const KEPT_MS = 250;
/** A record is with the kernel by then. */
const WRITTEN_MS = 8;
/** The calls come in so much time. */
const CALLS_MS = 300;

/** What one run of a seed showed. */
export interface Run {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly faults: number;
  readonly steps: number;
  readonly calls: number;
  readonly resumed: number;
  readonly inMenu: number;
  /** One worker was killed, and nothing else happened; both would take what they were offered. */
  readonly oneKill: boolean;
  /** Callers in the menu whose agent has not sent them there. */
  readonly strayed: number;
  readonly longestSilenceMs: number;
  readonly told: readonly string[];
}

interface Silence {
  sinceMs: number | undefined;
}

/** The callers of one run, and whoever looks at them after each step: what must never be is said to the world. */
export class Walk {
  readonly #machine: Machine;
  readonly #faults: Faults;
  readonly #calls: CallChannel[] = [];
  readonly #silences = new Map<CallChannel, Silence>();
  readonly #left = new Map<string, "menu" | "transferred">();
  #strayed = 0;
  /** Since when somebody believes to have a call that is not his. */
  readonly #zombies = new Map<object, number>();
  #longestMs = 0;

  constructor(machine: Machine, household: Household) {
    this.#machine = machine;
    this.#faults = new Faults(machine, household);
  }

  get calmMs(): number {
    return this.#faults.calmMs;
  }

  /** Every caller is somewhere for good. */
  get over(): boolean {
    const { world, pbx } = this.#machine;
    const placed = this.#calls.every(({ where }) => where !== "dialplan" && where !== "lent");
    return placed && !pbx.restless && world.nowMs > pbx.upMs + CALLS_MS;
  }

  begin(): void {
    const { world } = this.#machine;
    const calls = world.chance(0.7) ? 1 : 2;
    for (let nth = 0; nth < calls; nth++) world.after(world.between(0, CALLS_MS), () => this.#call());
    this.#faults.plan();
  }

  #call(): void {
    const { world, pbx } = this.#machine;
    const call = pbx.call();
    this.#calls.push(call);
    this.#silences.set(call, { sinceMs: undefined });
    void call.run().catch((error: unknown) => world.violated(`the dialplan broke: ${String(error)}`));
    if (world.chance(0.2)) world.after(world.between(5, 2500), () => call.hangUp());
  }

  /** After each step: what must never be. */
  look(): void {
    for (const call of this.#calls) this.#lookAt(call);
  }

  #lookAt(call: CallChannel): void {
    const { world, stage } = this.#machine;
    if (call.where === "menu" || call.where === "transferred") this.#left.set(call.id, call.where);
    const silence = this.#silences.get(call);
    const all = [...(stage.talking.get(call.id) ?? [])];
    const heard = all.filter(({ process, media }) => process.running && media !== undefined && media === call.media);
    if (heard.length > 1) world.violated("two agents speak on one call");
    this.#lookForZombies(call, all);
    if (!silence || call.answeredMs === undefined) return;
    const quiet = (call.where === "dialplan" || call.where === "lent") && heard.length === 0;
    if (!quiet) {
      silence.sinceMs = undefined;
      return;
    }
    silence.sinceMs ??= world.nowMs;
    const ms = world.nowMs - Math.max(silence.sinceMs, world.lastFaultMs);
    this.#longestMs = Math.max(this.#longestMs, ms);
    const { silenceMs } = this.#faults;
    if (ms > silenceMs) world.violated(`a caller was in silence for more than ${silenceMs} ms`);
  }

  /** Whoever is up, runs and believes to have a call that somebody else has. */
  #lookForZombies(call: CallChannel, all: readonly { process: Process; media: unknown }[]): void {
    const { world } = this.#machine;
    const newsMs = NEWS_MS + this.#faults.newsMs + (this.#faults.diskFailed ? KEPT_MS : 0);
    for (const talking of all) {
      const mine = talking.media === call.media && call.where === "lent";
      if (mine || !talking.process.running) this.#zombies.delete(talking);
      else if (!this.#zombies.has(talking)) this.#zombies.set(talking, world.nowMs);
      else if (world.nowMs - (this.#zombies.get(talking) ?? 0) > newsMs)
        world.violated("an agent goes on with a call that it no longer has");
    }
  }

  end(): void {
    const { world } = this.#machine;
    for (const call of this.#calls) {
      if (call.where === "menu" && call.reason !== "asked") this.#strayed++;
      if (call.where === "lent" || call.where === "dialplan") world.tell(`${call.id} is still ${call.where}`);
      call.hangUp();
    }
  }

  async result(seed: number): Promise<Run> {
    const { world, stage } = this.#machine;
    await this.#lookAtRecords();
    for (const [call, talks] of stage.heard) {
      if (talks.length > 2) world.violated(`${talks.length} agents had one call, one after the other`);
      // What a disk did not take, nobody who comes after can know: it is waited for 250 ms, and no longer.
      const known = !this.#faults.diskFailed;
      if (known && (stage.booked.get(call) ?? 0) > 1) world.violated("a tool was run twice");
    }
    return {
      ...{
        seed,
        violations: world.violations,
        faults: this.#faults.count,
        steps: world.steps,
        calls: this.#calls.length,
      },
      resumed: [...stage.heard.values()].filter((talks) => talks.length > 1).length,
      inMenu: [...this.#left.values()].filter((place) => place === "menu").length,
      oneKill: this.#faults.oneKill && !this.#machine.pbx.uneven,
      strayed: this.#strayed,
      longestSilenceMs: this.#longestMs,
      told: world.told ?? [],
    };
  }

  async #lookAtRecords(): Promise<void> {
    const { world, database, stage } = this.#machine;
    for (const { id } of this.#calls) {
      const rows = await database.db
        .selectFrom("calls")
        .select(["id", "ended", "line"])
        .where((where) => where.or([where("id", "=", id), where("id", "like", `${id}-%`)]))
        .execute();
      const talks = stage.heard.get(id) ?? [];
      // Killed before the kernel had a word of it: the caller has not heard a frame by then.
      const owed = talks.some(({ process, sinceMs }) => sinceMs + WRITTEN_MS < process.lastMs);
      if (rows.length > 1) world.violated("a call has two records");
      if (owed && rows.length === 0) world.violated("a call that was heard has no record");
      for (const { ended, line } of rows) {
        if (ended === null) world.violated("a record was never completed");
        else if (line !== 1) world.violated("a complete record has no line");
      }
    }
  }
}
