import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cdr } from "../../src/call/cdr.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eraseNumber } from "../../src/store/erase.ts";
import { expire } from "../../src/store/retention.ts";
import { cdrOf, ended, NOON, RecordFolder, turnOf } from "./support.ts";

const DAY_MS = 86_400_000;
const CALLER = "+4930123456";

/** Calls of these ages, complete, each with a turn and a recording that is there. */
async function recorded(folder: RecordFolder, calls: readonly (Partial<Cdr> & { ageDays?: number })[]) {
  const book = folder.book();
  const files: string[] = [];
  mkdirSync(join(folder.path, "recordings"));
  for (const [handle, { ageDays = 0, ...change }] of calls.entries()) {
    const at = NOON - ageDays * DAY_MS;
    const path = join(folder.path, "recordings", `${handle}.wav`);
    writeFileSync(path, "RIFF");
    files.push(path);
    const started = new Date(at).toISOString();
    const recording = { path, consent: "none", pauses: 0 } as const;
    await book.open(handle, cdrOf({ id: `call-${handle}`, started, recording, ...change }));
    await book.change(handle, { keys: "12", notes: ["a note"] }, turnOf("My secret."));
    await book.change(handle, ended(at + 60_000));
  }
  return { book, files };
}

async function withDatabase<T>(folder: RecordFolder, run: (database: ReturnType<typeof openDatabase>) => Promise<T>) {
  const database = openDatabase(folder.dir);
  try {
    return await run(database);
  } finally {
    database.close();
  }
}

/** Everything that stands in the folder's files, whatever they are. */
const wholeDisk = async (folder: RecordFolder) => {
  const { readFileSync } = await import("node:fs");
  return readdirSync(folder.dir)
    .map((name) => readFileSync(join(folder.dir, name), "latin1"))
    .join("\n");
};

describe("what is old", () => {
  const keepDays = { records: 300, transcripts: 30, recordings: 60 };
  const sweep = (folder: RecordFolder) =>
    withDatabase(folder, ({ db }) => expire(db, folder.dir, { keepDays, nowMs: NOON, pause: async () => undefined }));

  test("goes when its own time is over: words, recording, record, apart from each other", async () => {
    using folder = new RecordFolder();
    const { files } = await recorded(folder, [{}, { ageDays: 31 }, { ageDays: 61 }, { ageDays: 301 }]);
    expect(await sweep(folder)).toEqual({ records: 1, transcripts: 3, recordings: 2, failed: 0 });
    const calls = await folder.calls();
    expect(calls.map(({ id, words }) => [id, words])).toEqual([
      ["call-0", true],
      ["call-1", false],
      ["call-2", false],
    ]);
    expect(calls[0]).toMatchObject({ keys: "12", notes: ["a note"], turns: [turnOf("My secret.")] });
    expect(calls[1]).toMatchObject({ keys: "", notes: [], turns: [{ ...turnOf(""), agent: "", heard: "" }] });
    expect(calls.map(({ recording }) => recording?.path ?? null)).toEqual([files[0], files[1], null]);
    expect(files.map(existsSync)).toEqual([true, true, false, false]);
    expect(await sweep(folder)).toEqual({ records: 0, transcripts: 0, recordings: 0, failed: 0 });
  });

  test("goes from the JSON lines as well", async () => {
    using folder = new RecordFolder();
    await recorded(folder, [{}, { ageDays: 40 }, { ageDays: 310 }]);
    await sweep(folder);
    expect(folder.lines().map(({ id, words, keys, turns }) => [id, words, keys, turns[0]?.caller])).toEqual([
      ["call-1", false, "", ""],
      ["call-0", true, "12", "My secret."],
    ]);
  });

  test("stays on record as long as its recording cannot be removed", async () => {
    using folder = new RecordFolder();
    // A folder in the place of the file: not even root can unlink that.
    await recorded(folder, [{ ageDays: 400, recording: { path: folder.path, consent: "given", pauses: 0 } }]);
    expect(await sweep(folder)).toMatchObject({ records: 0, recordings: 0, failed: 1 });
    expect(await folder.calls()).toHaveLength(1);
  });

  test("is not what is still going on", async () => {
    using folder = new RecordFolder();
    await folder.book().open(1, cdrOf({ started: new Date(NOON - 400 * DAY_MS).toISOString() }));
    expect(await sweep(folder)).toMatchObject({ records: 0, transcripts: 0 });
  });
});

describe("a caller who wants to be forgotten", () => {
  test("is removed from records, lines and recordings, and nobody else is", async () => {
    using folder = new RecordFolder();
    const calls = [{ from: CALLER }, { from: "0049 30 123-456" }, { from: "+4930999" }, { from: "03012 3456" }];
    const { book, files } = await recorded(folder, calls);
    book.close();
    const erased = await withDatabase(folder, (database) => eraseNumber(database, folder.dir, "+49 (30) 123456"));
    expect(erased).toMatchObject({ records: 2, turns: 2, lines: 2, recordings: 2, missing: 0, up: 0, failed: [] });
    expect(erased.similar).toEqual(["03012 3456"]);
    expect((await folder.calls()).map(({ id }) => id).sort()).toEqual(["call-2", "call-3"]);
    expect(folder.lines().map(({ id }) => id)).toEqual(["call-2", "call-3"]);
    expect(files.map(existsSync)).toEqual([false, false, true, true]);
    // Not even in the pages that the database no longer uses, nor in its log of changes.
    const disk = await wholeDisk(folder);
    expect(disk).not.toContain(CALLER);
    expect(disk).not.toContain("call-0");
    expect(disk).toContain("+4930999");
  });

  test("is removed as the one who diverted the calls of others", async () => {
    using folder = new RecordFolder();
    await recorded(folder, [{ from: "+4930999", diversion: CALLER }]);
    const erased = await withDatabase(folder, (database) => eraseNumber(database, folder.dir, CALLER));
    expect(erased).toMatchObject({ records: 0, diversions: 1 });
    expect((await folder.calls())[0]).toMatchObject({ from: "+4930999", diversion: "" });
    expect(folder.lines()[0]).toMatchObject({ from: "+4930999", diversion: "" });
  });

  test("and is talking at this moment is told so, and stays until the call is over", async () => {
    using folder = new RecordFolder();
    const { book } = await recorded(folder, [{ from: CALLER }]);
    await book.open(9, cdrOf({ id: "now", from: CALLER }));
    const erase = () => withDatabase(folder, (database) => eraseNumber(database, folder.dir, CALLER));
    expect(await erase()).toMatchObject({ records: 1, lines: 1, up: 1 });
    await book.change(9, ended());
    expect(folder.lines().map(({ id }) => id)).toEqual(["now"]);
    expect(await erase()).toMatchObject({ records: 1, lines: 1, up: 0 });
  });

  test("keeps the record of a recording that cannot be removed, and the reason is told", async () => {
    using folder = new RecordFolder();
    await recorded(folder, [{ from: CALLER, recording: { path: folder.path, consent: "given", pauses: 0 } }]);
    const erased = await withDatabase(folder, (database) => eraseNumber(database, folder.dir, CALLER));
    expect(erased).toMatchObject({ records: 0, lines: 0, failed: [{ path: folder.path }] });
    expect(await folder.calls()).toHaveLength(1);
    expect(folder.lines()).toHaveLength(1);
  });

  test("may be in a database that was set aside: which one is told", async () => {
    using folder = new RecordFolder();
    await recorded(folder, [{ from: CALLER }]);
    const aside = join(folder.dir, "calls.db.corrupt-2026-11-01T00-00-00-000Z");
    writeFileSync(aside, "");
    writeFileSync(`${aside}-wal`, "");
    const erased = await withDatabase(folder, (database) => eraseNumber(database, folder.dir, CALLER));
    expect(erased.aside).toEqual([aside]);
  });
});
