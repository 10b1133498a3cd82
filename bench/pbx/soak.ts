import { readdirSync } from "node:fs";
import { join } from "node:path";
import { randomSource } from "../../src/caller/noise.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { recordsDirOf } from "../../src/cli/demo/aftermath.ts";
import type { DemoService } from "../../src/cli/demo/service.ts";
import { openReading } from "../../src/store/database.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { INTERRUPTIONS, sayAhead, words } from "../sounds.ts";
import { Inspector } from "../worker/inspector.ts";
import { inParallel, RECEPTION, step, untilIdle } from "./call.ts";

const WARM_CALLS = 100;
const CALLS = 500;
const AT_ONCE = 20;
/** The longest of them has heard the greeting, asked something, and hears the answer. */
const LONGEST_MS = 6000;
/** Records are finished, connections given up and pools emptied some seconds after the last call. */
const SETTLE_MS = 30_000;
const LOOK_MS = 500;

/** What a call may leave behind, by its kind, and how many there are at this moment. */
type Leftovers = Readonly<Record<string, number>>;

/** What connections and timers a warm worker has is only known when its calls are over. */
const WARM: Leftovers = {
  timers: Number.POSITIVE_INFINITY,
  handles: Number.POSITIVE_INFINITY,
  "open files": Number.POSITIVE_INFINITY,
  // Those of workers that were killed before stay for whoever goes on with their calls.
  journals: Number.POSITIVE_INFINITY,
};

/** Dials, and hangs up at any moment: while it rings, in the greeting, in the caller's own words, in the answer. */
async function hangUpSomewhen({ phone }: PbxStage, { clock, signal, smoke }: Bench, seed: number): Promise<void> {
  const random = randomSource(seed * 7919 + 5);
  const afterMs = (smoke ? LONGEST_MS / 5 : LONGEST_MS) * random() ** 2;
  const over = new AbortController();
  const text = INTERRUPTIONS[seed % INTERRUPTIONS.length] ?? "Stop.";
  const hangUp = clock.after(afterMs, () => over.abort());
  try {
    const leg = await phone.call(RECEPTION, { codec: "ulaw", signal: AbortSignal.any([signal, over.signal]) });
    try {
      await leg.answered;
      await leg.heard.soundFor({ ms: 600, sinceMs: 0, signal: over.signal });
      await leg.say(framesOf(words(text)), { signal: over.signal });
      await leg.heard.sound({ sinceMs: leg.nowMs(), signal: over.signal });
      await clock.sleep(LONGEST_MS, over.signal);
    } finally {
      await leg.hangUp();
    }
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    hangUp.cancel();
  }
}

const filesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

async function unfinished({ stateDir }: DemoService): Promise<number> {
  const database = openReading(recordsDirOf(stateDir));
  if (!database) return 0;
  try {
    const rows = await database.db.selectFrom("calls").select("id").where("ended", "is", null).execute();
    return rows.length;
  } finally {
    database.close();
  }
}

/** Calls that are up are written down in files of their own. */
const journals = ({ stateDir }: DemoService): number => readdirSync(join(stateDir, "journal")).length;

async function leftovers(stage: PbxStage, inspector: Inspector, pid: number): Promise<Leftovers> {
  const { service } = stage;
  const resources = await inspector.evaluate<string[]>("process.getActiveResourcesInfo()");
  const kinds: Record<string, number> = {};
  for (const kind of resources) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const { Timeout: timers = 0, ...handles } = kinds;
  return {
    channels: await stage.channels(),
    timers,
    handles: Object.values(handles).reduce((sum, count) => sum + count, 0),
    "open files": filesOf(pid),
    "unfinished records": await unfinished(service),
    journals: journals(service),
  };
}

/** Waits until no more is there than before, for as long as it may take to give up what is kept for the next call. */
async function settled(look: () => Promise<Leftovers>, before: Leftovers, { clock, signal }: Bench): Promise<string[]> {
  const deadline = clock.now() + SETTLE_MS;
  for (;;) {
    const more = Object.entries(await look()).flatMap(([kind, count]) => {
      const added = count - (before[kind] ?? 0);
      return added > 0 ? [`${added} ${kind} more`] : [];
    });
    if (more.length === 0 || clock.now() > deadline) return more;
    await clock.sleep(LOOK_MS, signal);
  }
}

async function usedKb(inspector: Inspector): Promise<number> {
  await inspector.collectGarbage();
  await inspector.collectGarbage();
  const used = "(() => { const { heapUsed, external } = process.memoryUsage(); return heapUsed + external; })()";
  return (await inspector.evaluate<number>(used)) / 1024;
}

/** 500 calls, 20 at a time, that end at random moments: what is there afterwards that was not there before. */
export const soak: Scenario = {
  name: "soak",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    const { service } = stage;
    sayAhead(INTERRUPTIONS);
    await service.ready(step(bench.signal));
    const pid = await service.workerPid();
    await using inspector = await Inspector.find(service.logFile, pid);
    const run = async (from: number, count: number): Promise<void> => {
      await inParallel(count, AT_ONCE, (index) => hangUpSomewhen(stage, bench, from + index));
      await untilIdle(stage, bench);
    };
    const [warm, count] = bench.smoke ? [2, 4] : [WARM_CALLS, CALLS];
    await run(0, warm);
    const look = (): Promise<Leftovers> => leftovers(stage, inspector, pid);
    await settled(look, WARM, bench);
    const [before, beforeKb] = [await look(), await usedKb(inspector)];
    await run(warm, count);
    const more = await settled(look, before, bench);
    const perCallKb = ((await usedKb(inspector)) - beforeKb) / count;
    const same = (await service.workerPid()) === pid;
    return {
      values: { soak_left_over: more.length + (same ? 0 : 1), soak_kb_per_call: perCallKb },
      notes: [
        `${count} calls after ${warm} others, ${AT_ONCE} at a time; before: ${Object.entries(before)
          .map(([kind, n]) => `${n} ${kind}`)
          .join(
            ", ",
          )}; afterwards ${more.length === 0 ? "nothing more" : more.join(", ")}${same ? "" : ", and another worker"}`,
      ],
    };
  },
};
