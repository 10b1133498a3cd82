import type { Database } from "../../src/store/database.ts";
import { brokenAsterisk } from "./asterisk/broken.ts";
import { ModelAsterisk } from "./asterisk/pbx.ts";
import { emptyDisk } from "./disk.ts";
import { brokenFreeswitch } from "./freeswitch/broken.ts";
import { ModelFreeswitch } from "./freeswitch/pbx.ts";
import type { Pbx } from "./pbx.ts";
import type { Machine, Mutation } from "./service.ts";
import type { Shelf } from "./shelf.ts";
import { Household } from "./supervisor.ts";
import { emptyStage } from "./talk.ts";
import { type Run, Walk } from "./walk.ts";
import { World } from "./world.ts";

/** A call that is not over by then is ended by its caller. */
const END_MS = 9000;
const LOOK_MS = 100;

export type EngineName = "asterisk" | "freeswitch";

const PBXES: Readonly<Record<EngineName, (world: World, broken: ReadonlySet<Mutation>, seed: number) => Pbx>> = {
  asterisk: (world, broken, seed) => new ModelAsterisk(world, brokenAsterisk(broken), String(seed)),
  freeswitch: (world, broken, seed) => new ModelFreeswitch(world, brokenFreeswitch(broken), seed),
};

export interface RunOptions {
  readonly engine: EngineName;
  readonly seed: number;
  readonly shelf: Shelf;
  readonly mutations?: readonly Mutation[];
  readonly tell?: boolean;
}

/** One seed: a PBX, two workers, their supervisor, a journal and the records; calls, and faults at any step. */
export async function run({ engine, seed, shelf, mutations = [], tell = false }: RunOptions): Promise<Run> {
  // Nobody reads where a modelled failure was noticed, and there are many.
  Error.stackTraceLimit = 0;
  const world = new World(seed, { tell });
  const broken = new Set(mutations);
  const { dir, database } = await shelf.get();
  // The database's one file would not be looked at 100 times a second for nothing.
  const shared: Database = { ...database, db: database.db, current: true, close() {} };
  const pbx = PBXES[engine](world, broken, seed);
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
  await world.clock.advance(pbx.upMs);
  walk.begin();
  for (let ms = 0; ms < END_MS && !walk.over; ms += LOOK_MS) await world.clock.advance(LOOK_MS);
  walk.end();
  await world.clock.advance(walk.calmMs);
  // A supervisor that came last has as long.
  while (world.nowMs < world.lastFaultMs + walk.calmMs) await world.clock.advance(LOOK_MS);
  const result = await walk.result(seed);
  for (const { process } of household.workers.flatMap((worker) => worker ?? [])) process.kill();
  return result;
}
