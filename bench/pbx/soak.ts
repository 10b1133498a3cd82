import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { recordsDirOf } from "../../src/cli/demo/aftermath.ts";
import { openReading } from "../../src/store/database.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { seeded } from "../sounds.ts";
import { inCall, inParallel, latenessOf, untilIdle } from "./call.ts";

const CALLS = 500;
const AT_ONCE = 20;
/** So many open what stays open: pools, caches, the voice's thread. */
const WARM_UP = 40;
const MAX_STAY_MS = 4_000;
const SETTLE_MS = 20_000;
/** A connection of the scraping itself, a timer that happens to run. */
const SLACK = { handles: 3, timers: 5 };

interface Inventory {
  readonly channels: number;
  readonly pbxHandles: number;
  readonly handles: number;
  readonly timers: number;
  readonly rssKb: number;
}

const handlesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

async function inventoryOf(stage: PbxStage): Promise<Inventory> {
  const { service } = stage;
  const { server } = parse(readFileSync(service.configFile, "utf8")) as { server: { port: number } };
  const scraped = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const figure = (pattern: RegExp): number => Number(pattern.exec(scraped)?.[1] ?? Number.NaN);
  const pid = await service.workerPid();
  return {
    channels: await stage.channels(),
    pbxHandles: stage.pids.reduce((sum, one) => sum + handlesOf(one), 0),
    handles: handlesOf(pid),
    timers: figure(/^nodejs_active_resources\{type="Timeout"\} (\d+)/m),
    rssKb: Math.round(figure(/^process_resident_memory_bytes (\d+)/m) / 1024),
  };
}

/** Rows of the database: all, and those of calls that it still believes to be up. */
async function rowsOf({ service }: PbxStage): Promise<{ all: number; open: number }> {
  const database = openReading(recordsDirOf(service.stateDir));
  if (!database) return { all: 0, open: 0 };
  try {
    const rows = await database.db.selectFrom("calls").select("ended").execute();
    return { all: rows.length, open: rows.filter(({ ended }) => ended === null).length };
  } finally {
    database.close();
  }
}

/** Calls of which each is hung up at a moment of its own, from the INVITE to the middle of an answer. */
async function callAndGo(stage: PbxStage, bench: Bench, count: number, seed: number) {
  const { clock, signal } = bench;
  const random = seeded(seed);
  const stays = Array.from({ length: count }, () => random() ** 2 * MAX_STAY_MS);
  const lateMs: number[] = [];
  let greeted = 0;
  await inParallel(count, AT_ONCE, async (index) => {
    const stayMs = stays[index] ?? 0;
    if (index % 5 === 0) {
      // Gives up while it rings, or in the moment of the answer.
      const leg = await stage.phone.call("4100", { signal });
      await clock.sleep(stayMs / 40, signal);
      await leg.hangUp();
      return;
    }
    await inCall(stage.phone, { signal }, async (leg) => {
      await clock.sleep(stayMs, signal);
      if (leg.heard.spells.length > 0) greeted += 1;
      for (const ms of latenessOf(leg)) lateMs.push(ms);
    });
  });
  await untilIdle(stage, bench);
  return { greeted, lateMs };
}

/** Waits until it is as it was, and tells what is not in the end. */
async function leftBehind(stage: PbxStage, { clock, signal }: Bench, before: Inventory) {
  const deadline = clock.now() + SETTLE_MS;
  for (;;) {
    const after = await inventoryOf(stage);
    const rows = await rowsOf(stage);
    const left = {
      channels: after.channels,
      "handles of the PBX": Math.max(0, after.pbxHandles - before.pbxHandles - SLACK.handles),
      "handles of the worker": Math.max(0, after.handles - before.handles - SLACK.handles),
      "timers of the worker": Math.max(0, after.timers - before.timers - SLACK.timers),
      "records that are not complete": rows.open,
    };
    const sum = Object.values(left).reduce((total, one) => total + one, 0);
    if (sum === 0 || clock.now() > deadline) return { after, rows, left, sum };
    await clock.sleep(250, signal);
  }
}

/** Many short calls that end at random moments; then everything must be where it was. */
export const soak: Scenario = {
  name: "soak",
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    const calls = bench.smoke ? AT_ONCE : CALLS;
    await callAndGo(stage, bench, bench.smoke ? 4 : WARM_UP, 1);
    const before = await inventoryOf(stage);
    const rowsBefore = await rowsOf(stage);
    const { greeted, lateMs } = await callAndGo(stage, bench, calls, 2);
    const { after, rows, left, sum } = await leftBehind(stage, bench, before);
    const missing = Math.max(0, greeted - (rows.all - rowsBefore.all));
    const growthKb = after.rssKb - before.rssKb;
    return {
      values: { soak_left_behind: sum + missing },
      notes: [
        `${calls} calls, ${AT_ONCE} at a time, ${greeted} heard the agent, ${rows.all - rowsBefore.all} records, ${missing} missing`,
        `left behind: ${Object.entries(left)
          .map(([what, count]) => `${what} ${count}`)
          .join(", ")}`,
        `the worker's memory: ${Math.round(before.rssKb / 1024)} MB before, ${Math.round(after.rssKb / 1024)} MB after (${(growthKb / calls).toFixed(1)} KB a call); handles ${before.handles} and ${after.handles}, timers ${before.timers} and ${after.timers}; the PBX's handles ${before.pbxHandles} and ${after.pbxHandles}`,
      ],
      lateMs,
    };
  },
};
