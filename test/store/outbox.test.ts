import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eraseNumber } from "../../src/store/erase.ts";
import { claim, type Settled, settle } from "../../src/store/outbox.ts";
import { ownerOf } from "../../src/store/owner.ts";
import { closeLostRecords } from "../../src/store/records.ts";
import { cdrOf, ended, NOON, RecordFolder } from "./support.ts";

const ME = ownerOf(process.pid);
const LATER: Settled = { taken: false, dueMs: NOON + 600_000, refused: false };

/** Calls that are over, in this order. */
async function over(folder: RecordFolder, calls: readonly (Partial<Cdr> & { id: string })[]): Promise<void> {
  const book = folder.book();
  for (const [handle, { id, ...change }] of calls.entries()) {
    await book.open(handle, cdrOf({ id, webhook: "crm" }));
    await book.change(handle, { ...ended(), ...change });
  }
}

/** What a worker would deliver now. */
async function claimed(folder: RecordFolder, { nowMs = NOON + 120_000, owner = ME } = {}) {
  const database = openDatabase(folder.dir);
  try {
    const maxAgeMs = { crm: 3_600_000, erp: 3_600_000 };
    return await claim(database.db, { owner, nowMs, leaseMs: 15_000, maxAgeMs });
  } finally {
    database.close();
  }
}

async function settled(folder: RecordFolder, seq: number, how: Settled): Promise<void> {
  const database = openDatabase(folder.dir);
  await settle(database.db, seq, how).finally(() => database.close());
}

const callsOf = ({ events }: Awaited<ReturnType<typeof claimed>>): string[] => events.map(({ cdr }) => cdr.id);

describe("what other systems are to be told", () => {
  test("is told call by call, in the order in which they ended, until it was taken", async () => {
    using folder = new RecordFolder();
    await over(folder, [{ id: "a" }, { id: "b" }]);
    const first = await claimed(folder);
    expect(callsOf(first)).toEqual(["a"]);
    expect(first.waiting).toEqual({ crm: 2 });
    // While it is on its way, nobody else takes it, nor the one behind it.
    expect(callsOf(await claimed(folder))).toEqual([]);
    await settled(folder, first.events[0]?.seq ?? 0, { taken: true });
    expect(callsOf(await claimed(folder))).toEqual(["b"]);
  });

  test("waits behind a receiver that is down, but not behind a message that was refused for what it says", async () => {
    using folder = new RecordFolder();
    await over(folder, [{ id: "a" }, { id: "b" }]);
    const { events } = await claimed(folder);
    const [a] = events;
    await settled(folder, a?.seq ?? 0, LATER);
    const down = await claimed(folder);
    expect(callsOf(down)).toEqual([]);
    expect(down.nextMs).toBe(NOON + 600_000);
    const again = await claimed(folder, { nowMs: NOON + 601_000 });
    expect(again.events[0]).toMatchObject({ id: a?.id, attempts: 1 });
    await settled(folder, a?.seq ?? 0, { ...LATER, dueMs: NOON + 900_000, refused: true });
    expect(callsOf(await claimed(folder, { nowMs: NOON + 602_000 }))).toEqual(["b"]);
  });

  test("is due when the outcome is known, and its line is written then", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    await book.open(0, cdrOf({ id: "a", webhook: "crm" }));
    const outcome = { state: "pending", summary: "", fields: {}, problems: [] } as const;
    await book.change(0, { ...ended(), outcome });
    expect(callsOf(await claimed(folder))).toEqual([]);
    expect(folder.lines()).toEqual([]);
    await book.change(0, { outcome: { ...outcome, state: "complete", summary: "A question." } });
    expect((await claimed(folder)).events[0]?.cdr.outcome?.summary).toBe("A question.");
    expect(folder.lines()[0]?.outcome?.state).toBe("complete");
  });

  test("is given up when it is too old, and goes with the caller who is erased", async () => {
    using folder = new RecordFolder();
    await over(folder, [{ id: "a" }]);
    expect((await claimed(folder, { nowMs: NOON + 2 * 3_600_000 })).dropped).toEqual({ crm: 1 });
    await over(folder, [{ id: "b" }]);
    const database = openDatabase(folder.dir);
    const { from } = cdrOf();
    await eraseNumber(database, folder.dir, from);
    database.close();
    expect((await claimed(folder)).waiting).toEqual({});
  });

  test("of a process that died is the next one's at once", async () => {
    using folder = new RecordFolder();
    await over(folder, [{ id: "a" }]);
    expect(callsOf(await claimed(folder, { owner: "999999999.1" }))).toEqual(["a"]);
    expect(callsOf(await claimed(folder))).toEqual(["a"]);
  });
});

/** A worker of its own, as far as records go; killed when it has said that it is where it should be. */
async function killed(folder: RecordFolder, at: "pending" | "claimed"): Promise<void> {
  const script = join(import.meta.dirname, "fixtures/outbox-worker.ts");
  const child = spawn(process.execPath, [script, folder.dir, at], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(child.stdout)) if (line === at) break;
  child.kill("SIGKILL");
  await once(child, "exit");
}

describe("a worker that is killed", () => {
  test.each([
    { at: "pending", state: "failed" },
    { at: "claimed", state: undefined },
  ] as const)("with a call $at leaves it to the next, who tells of it", async ({ at, state }) => {
    using folder = new RecordFolder();
    await killed(folder, at);
    await closeLostRecords({ dir: folder.dir, clock: systemClock, log: silentLog, onFailure: () => {} });
    const { events } = await claimed(folder, { nowMs: Date.now() });
    expect(events.map(({ cdr }) => [cdr.id, cdr.outcome?.state])).toEqual([["killed", state]]);
    expect(folder.lines().map(({ id }) => id)).toEqual(["killed"]);
  });
});
