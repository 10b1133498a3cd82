import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import { closeLostRecords, openRecords, type Records } from "../../src/store/records.ts";
import { cdrOf, ended, RecordFolder, turnOf } from "./support.ts";

const keepDays = { records: 365, transcripts: 90, recordings: 90 };

function openedIn(folder: RecordFolder, log: Log = silentLog) {
  const failures = { count: 0 };
  const records = openRecords({
    dir: folder.dir,
    keepDays,
    clock: systemClock,
    log,
    onFailure: () => failures.count++,
  });
  return { records, failures };
}

const oneCall = (records: Records, id: string, turns: number): void => {
  const entry = records.open(cdrOf({ id }));
  for (let turn = 0; turn < turns; turn++) entry.append(turnOf(`Question ${turn}?`), { keys: "1".repeat(turn) });
  entry.close(ended());
};

describe("the records of a service", () => {
  test("are all on the disk when it has closed", async () => {
    using folder = new RecordFolder();
    const { records, failures } = openedIn(folder);
    for (let call = 0; call < 20; call++) oneCall(records, `call-${call}`, 5);
    await records.close();
    await records.close();
    const calls = await folder.calls();
    expect(calls).toHaveLength(20);
    expect(
      calls.every(({ turns, keys, next }) => turns.length === 5 && keys === "1111" && next?.next === "hangup"),
    ).toBe(true);
    expect(folder.lines()).toHaveLength(20);
    expect(failures.count).toBe(0);
  });

  test("take the event loop less than a millisecond a turn", async () => {
    using folder = new RecordFolder();
    const { records } = openedIn(folder);
    const entry = records.open(cdrOf());
    const turn = { ...turnOf("word ".repeat(60)), agent: "word ".repeat(120) };
    const took: number[] = [];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let nth = 0; nth < 300; nth++) {
      const startMs = systemClock.now();
      entry.append(turn, { keys: "12" });
      took.push(systemClock.now() - startMs);
      await systemClock.sleep(2);
    }
    delay.disable();
    entry.close(ended());
    await records.close();
    took.sort((a, b) => a - b);
    const [median = 0, p99 = 0] = [took[150], took[297]];
    process.stdout.write(
      `a turn on record: ${median.toFixed(3)} ms of the event loop, 99 of 100 below ${p99.toFixed(3)} ms; ` +
        `the loop's worst delay meanwhile ${(delay.max / 1e6).toFixed(1)} ms\n`,
    );
    expect(median).toBeLessThan(1);
    expect((await folder.calls())[0]?.turns).toHaveLength(300);
  });

  test("that cannot be written are an alarm, cost nobody anything, and are there when the disk is back", async () => {
    using folder = new RecordFolder();
    writeFileSync(folder.dir, "");
    const said: string[] = [];
    const log: Log = { ...silentLog, error: (_fields, message) => void said.push(message) };
    const { records, failures } = openedIn(folder, log);
    oneCall(records, "in the dark", 2);
    await expect.poll(() => failures.count, { timeout: 8000 }).toBeGreaterThanOrEqual(4);
    // It is said once, and counted every time.
    expect(said).toEqual(["call records cannot be written; calls go on, and the records wait in memory"]);
    rmSync(folder.dir);
    oneCall(records, "in the light", 1);
    await records.close();
    expect((await folder.calls()).map(({ id, turns }) => [id, turns.length]).sort()).toEqual([
      ["in the dark", 2],
      ["in the light", 1],
    ]);
  });

  test("that were broken are an alarm that nobody overhears", async () => {
    using folder = new RecordFolder();
    await folder.book().closeLost();
    writeFileSync(join(folder.dir, "calls.db"), "broken ".repeat(1000));
    for (const suffix of ["-wal", "-shm"]) rmSync(join(folder.dir, `calls.db${suffix}`), { force: true });
    const said: string[] = [];
    const log: Log = { ...silentLog, error: (_fields, message) => void said.push(message) };
    const { records, failures } = openedIn(folder, log);
    oneCall(records, "after", 1);
    await records.close();
    expect(said).toEqual([expect.stringContaining("THE CALL RECORDS WERE BROKEN")]);
    expect(failures.count).toBe(1);
    expect(await folder.calls()).toHaveLength(1);
  });
});

test("a process that is killed leaves records that another one closes, exactly one a call", {
  timeout: 30_000,
}, async () => {
  using folder = new RecordFolder();
  const script = join(import.meta.dirname, "fixtures", "caller-up.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, folder.dir, "5"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(child.stdout, "data");
    const look = { dir: folder.dir, clock: systemClock, log: silentLog, onFailure: () => undefined };
    await closeLostRecords(look);
    expect((await folder.calls()).map(({ ended }) => ended)).toEqual([null, null, null, null, null]);
    child.kill("SIGKILL");
    await once(child, "exit");
    // Two who find them at the same time.
    await Promise.all([closeLostRecords(look), closeLostRecords(look)]);
  } finally {
    child.kill("SIGKILL");
  }
  const calls = await folder.calls();
  expect(calls.map(({ next }) => next)).toEqual(Array(5).fill({ next: "menu", reason: "lost" }));
  expect(calls.every(({ turns }) => turns[0]?.caller === "Hello?")).toBe(true);
  expect(new Set(folder.lines().map(({ id }) => id)).size).toBe(5);
  expect(folder.lines()).toHaveLength(5);
});
