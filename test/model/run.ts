import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { Dialplan, SHIPPED } from "./dialplan.ts";
import { emptyDisk } from "./disk.ts";
import { type CallChannel, ModelPbx, type PbxFaults } from "./pbx.ts";
import type { Machine, Mutation } from "./service.ts";
import { Household } from "./supervisor.ts";
import { emptyStage } from "./talk.ts";
import { type Process, World } from "./world.ts";

/** What one run of a seed showed. */
export interface Run {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly faults: number;
  readonly steps: number;
  readonly calls: number;
  readonly resumed: number;
  readonly inMenu: number;
  readonly longestSilenceMs: number;
  readonly told: readonly string[];
}

/** From the last fault that hits a call to a sound: see docs/decisions/0050. */
export const SILENCE_MS = 1700;
/** How long two may believe that they have a call: until the one that has it no more hears so. */
const NEWS_MS = 300;
/** A tool waits so long for a disk that does not take the journal; when it is over, it looks whether there is still a call. */
const KEPT_MS = 250;
/** A record is with the kernel by then. */
const WRITTEN_MS = 8;
/** Both workers are connected. */
const UP_MS = 60;
/** A call that is not over by then is ended by its caller. */
const END_MS = 9000;
const LOOK_MS = 100;
const CALLS_MS = 300;
/** A worker that hangs has been killed by then, and its records are closed. */
const CALM_MS = 1300;

const LIMIT = ["Dial($", "{SIDETONE_VIA},"].join("");

function pbxFaults(mutations: ReadonlySet<Mutation>): PbxFaults {
  let text = SHIPPED;
  if (mutations.has("no attempt limit")) text = text.replace("SIDETONE_DIED} >= 2", "SIDETONE_DIED} >= 9");
  if (mutations.has("Dial without a limit")) text = text.replace(`${LIMIT}0.5,`, `${LIMIT}60,`);
  return { sharedMedia: mutations.has("two on one medium"), ...(text !== SHIPPED && { dialplan: new Dialplan(text) }) };
}

/** In memory, where the machine has such a folder: a million runs are no business of a disk's. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Databases that many runs share: each run's calls have names of their own. */
export class Shelf implements Disposable {
  static readonly #RUNS = 25;
  #dir = "";
  #database: Database | undefined;
  #runs = 0;

  async get(): Promise<{ dir: string; database: Database }> {
    if (!this.#database || this.#runs++ >= Shelf.#RUNS) {
      this[Symbol.dispose]();
      this.#dir = mkdtempSync(join(MEMORY, "sidetone-model-"));
      this.#database = openDatabase(this.#dir);
      // No run needs what one before it has written to outlive a power failure.
      for (const wish of [
        "locking_mode = EXCLUSIVE",
        "journal_mode = MEMORY",
        "synchronous = OFF",
        "secure_delete = OFF",
      ])
        await sql.raw(`PRAGMA ${wish}`).execute(this.#database.db);
      this.#runs = 1;
    }
    return { dir: this.#dir, database: this.#database };
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#database = undefined;
    if (this.#dir !== "") rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = "";
  }
}

export interface RunOptions {
  readonly seed: number;
  readonly shelf: Shelf;
  readonly mutations?: readonly Mutation[];
  readonly tell?: boolean;
}

/** One seed: a PBX, two workers, their supervisor, a journal and the records; calls, and faults at any step. */
export async function run({ seed, shelf, mutations = [], tell = false }: RunOptions): Promise<Run> {
  // Nobody reads where a modelled failure was noticed, and there are many.
  Error.stackTraceLimit = 0;
  const world = new World(seed, { tell });
  const broken = new Set(mutations);
  const { dir, database } = await shelf.get();
  // The database's one file would not be looked at 100 times a second for nothing.
  const shared: Database = { ...database, db: database.db, current: true, close() {} };
  const pbx = new ModelPbx(world, pbxFaults(broken), String(seed));
  const machine: Machine = {
    ...{
      world,
      pbx,
      dir,
      database: shared,
      disk: emptyDisk(),
      stage: emptyStage(),
      processes: new Map(),
      mutations: broken,
    },
  };
  const household = new Household(machine);
  const walk = new Walk(machine, household);
  world.look = () => walk.look();
  await world.clock.advance(UP_MS);
  walk.begin();
  for (let ms = 0; ms < END_MS && !walk.over; ms += LOOK_MS) await world.clock.advance(LOOK_MS);
  walk.end();
  await world.clock.advance(CALM_MS);
  // A supervisor that came last has as long.
  while (world.nowMs < world.lastFaultMs + CALM_MS) await world.clock.advance(LOOK_MS);
  const result = await walk.result(seed);
  for (const { process } of household.workers.flatMap((worker) => worker ?? [])) process.kill();
  return result;
}

interface Silence {
  sinceMs: number | undefined;
}

class Walk {
  readonly #machine: Machine;
  readonly #household: Household;
  readonly #calls: CallChannel[] = [];
  readonly #silences = new Map<CallChannel, Silence>();
  readonly #left = new Map<string, "menu" | "transferred">();
  /** Since when somebody believes to have a call that is not his. */
  readonly #zombies = new Map<object, number>();
  #faults = 0;
  #diskFailed = false;
  #longestMs = 0;

  constructor(machine: Machine, household: Household) {
    this.#machine = machine;
    this.#household = household;
  }

  /** Every caller is somewhere for good. */
  get over(): boolean {
    const { world } = this.#machine;
    const placed = this.#calls.every(({ where }) => where !== "dialplan" && where !== "lent");
    return placed && world.nowMs > UP_MS + CALLS_MS;
  }

  begin(): void {
    const { world, stage } = this.#machine;
    const calls = world.chance(0.7) ? 1 : 2;
    for (let nth = 0; nth < calls; nth++) world.after(world.between(0, CALLS_MS), () => this.#call());
    // At any step of what follows, and again while others deal with the first one.
    const faults = world.pick([0, 1, 1, 1, 2, 2, 3]);
    // Where a death costs most.
    if (faults > 0 && world.chance(0.15))
      stage.onBooked = (process) => {
        world.fault(`killed when it had just done something (${process.name})`);
        this.#faults++;
        process.kill();
        stage.onBooked = () => {};
      };
    for (let nth = 0; nth < faults; nth++)
      world.atStep(world.steps + Math.floor(world.between(1, 300)), () => this.#fault());
  }

  #call(): void {
    const { world, pbx } = this.#machine;
    const call = pbx.call();
    this.#calls.push(call);
    this.#silences.set(call, { sinceMs: undefined });
    void call.run().catch((error: unknown) => world.violated(`the dialplan broke: ${String(error)}`));
    if (world.chance(0.2)) world.after(world.between(5, 2500), () => call.hangUp());
  }

  #fault(): void {
    const { world } = this.#machine;
    this.#faults++;
    const [one, other] = world.chance(0.5) ? [0, 1] : [1, 0];
    const worker = this.#household.workers[one];
    const second = this.#household.workers[other];
    const kill = (process: Process | undefined): void => process?.kill();
    const faults: readonly (readonly [string, () => void])[] = [
      ["kill", () => kill(worker?.process)],
      ["kill", () => kill(worker?.process)],
      ["kill both", () => [worker, second].map((each) => kill(each?.process))],
      ["stop", () => worker?.process.stop()],
      ["stop both", () => [worker, second].map((each) => each?.process.stop())],
      [
        "stop for a while",
        () => {
          worker?.process.stop();
          world.after(world.between(100, 900), () => worker?.process.goOn());
        },
      ],
      ["drain", () => worker?.drain(world.between(0, 1500))],
      ["the supervisor is killed", () => this.#household.killSupervisor()],
      ["ARI is lost", () => worker?.links.cutAri()],
      ["ARI hangs", () => worker?.links.hold("ari", this.#hang())],
      ["the manager interface hangs", () => worker?.links.hold("ami", this.#hang())],
      ["the disk hangs", () => this.#hangDisk()],
      ["the disk is full", () => this.#fillDisk()],
    ];
    const [what, happen] = world.pick(faults);
    world.fault(`${what} (${worker?.process.name ?? "nobody"})`);
    happen();
  }

  #hang(): number {
    const { world } = this.#machine;
    return world.between(50, world.chance(0.5) ? 1500 : 5000);
  }

  #hangDisk(): void {
    const { world, disk } = this.#machine;
    this.#diskFailed = true;
    disk.hangsUntilMs = world.nowMs + world.between(50, 1500);
  }

  #fillDisk(): void {
    const { world, disk } = this.#machine;
    this.#diskFailed = true;
    disk.full = true;
    world.after(world.between(50, 1500), () => {
      disk.full = false;
    });
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
    if (ms > SILENCE_MS) world.violated(`a caller was in silence for more than ${SILENCE_MS} ms`);
  }

  /** Whoever is up, runs and believes to have a call that somebody else has. */
  #lookForZombies(call: CallChannel, all: readonly { process: Process; media: unknown }[]): void {
    const { world } = this.#machine;
    const newsMs = NEWS_MS + (this.#diskFailed ? KEPT_MS : 0);
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
      const known = !this.#diskFailed;
      if (known && (stage.booked.get(call) ?? 0) > 1) world.violated("a tool was run twice");
    }
    return {
      ...{ seed, violations: world.violations, faults: this.#faults, steps: world.steps, calls: this.#calls.length },
      resumed: [...stage.heard.values()].filter((talks) => talks.length > 1).length,
      inMenu: [...this.#left.values()].filter((place) => place === "menu").length,
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
