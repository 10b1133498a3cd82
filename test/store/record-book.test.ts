import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { databaseFile } from "../../src/store/database.ts";
import { cdrOf, ended, NOON, RecordFolder, turnOf } from "./support.ts";

/** An owner that runs no more: the kernel gives no process this number. */
const DEAD = "99999999.1";

describe("a call's record", () => {
  test("is there from the first moment, grows by turns, and is complete in the end, in both places", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    await book.open(1, cdrOf());
    expect(await folder.calls()).toEqual([cdrOf()]);
    await book.change(1, { answered: cdrOf().started, keys: "2" }, turnOf("Hello?"));
    expect(await folder.calls()).toEqual([cdrOf({ answered: cdrOf().started, keys: "2", turns: [turnOf("Hello?")] })]);
    expect(folder.lines()).toEqual([]);
    const recording = { path: "/rec/leg-1.wav", consent: "announced", pauses: 2 } as const;
    await book.change(1, { ...ended(), recording, fallbacks: ["stt"], notes: ["wants a call back"] });
    const [record] = await folder.calls();
    expect(record).toMatchObject({ ...ended(), recording, fallbacks: ["stt"], notes: ["wants a call back"] });
    expect(folder.lines()).toEqual([record]);
    expect(book.waiting).toBe(0);
  });

  test("is for the service's own eyes", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    await book.open(1, cdrOf());
    await book.change(1, ended());
    const modes = readdirSync(folder.dir).map((name) => statSync(join(folder.dir, name)).mode & 0o777);
    expect(modes.length).toBeGreaterThanOrEqual(2);
    expect(modes.every((mode) => mode === 0o600)).toBe(true);
    expect(statSync(folder.dir).mode & 0o777).toBe(0o700);
  });

  test("stands beside that of the same call lent another time", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    await book.open(1, cdrOf());
    await book.change(1, ended());
    await book.open(2, cdrOf({ started: new Date(NOON + 90_000).toISOString() }));
    await book.change(2, ended(NOON + 120_000));
    expect((await folder.calls()).map(({ id }) => id)).toEqual(["leg-1-2", "leg-1"]);
    expect(folder.lines().map(({ id }) => id)).toEqual(["leg-1", "leg-1-2"]);
  });

  test("goes into the file of the day on which the call ended", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    for (const [handle, at] of [NOON, NOON + 86_400_000].entries()) {
      await book.open(handle, cdrOf({ id: `call-${handle}` }));
      await book.change(handle, ended(at));
    }
    const names = readdirSync(folder.dir).filter((name) => name.endsWith(".jsonl"));
    expect(names.sort()).toEqual(["calls-2026-11-20.jsonl", "calls-2026-11-21.jsonl"]);
  });
});

describe("a worker that died", () => {
  test("leaves a record that is closed by who finds it, once, with what was said so far", async () => {
    using folder = new RecordFolder();
    const dying = folder.book(DEAD);
    await dying.open(1, cdrOf());
    await dying.change(1, {}, turnOf("Are you there?"));
    const living = folder.book();
    await living.open(1, cdrOf({ id: "another" }));
    expect(await living.closeLost()).toBe(1);
    expect(await living.closeLost()).toBe(0);
    const calls = await folder.calls();
    expect(calls.find(({ id }) => id === "leg-1")).toMatchObject({
      next: { next: "menu", reason: "lost" },
      fallbacks: ["lost"],
      turns: [turnOf("Are you there?")],
    });
    expect(calls.find(({ id }) => id === "another")?.ended).toBeNull();
    expect(folder.lines().map(({ id }) => id)).toEqual(["leg-1"]);
  });

  test("between the record and its line costs the line nothing, and doubles none", async () => {
    using folder = new RecordFolder();
    const dying = folder.book(DEAD);
    await dying.open(1, cdrOf());
    await dying.change(1, ended());
    dying.close();
    const forget = new DatabaseSync(databaseFile(folder.dir));
    forget.exec("UPDATE calls SET line = 0");
    forget.close();
    await folder.book().closeLost();
    expect(folder.lines()).toHaveLength(1);
  });

  test("and whose call is offered again has one record, continued by the next", async () => {
    using folder = new RecordFolder();
    const dying = folder.book(DEAD);
    await dying.open(1, cdrOf());
    await dying.change(1, { keys: "1" }, turnOf("First."));
    const next = folder.book();
    await next.closeLost();
    await next.open(7, cdrOf({ attempt: 2, started: new Date(NOON + 5000).toISOString() }));
    await next.change(7, { keys: "2" }, turnOf("Second."));
    // The first process, should it live after all, has no say any more.
    await dying.change(1, { ...ended(), keys: "999" });
    await next.change(7, ended());
    const [record, ...others] = await folder.calls();
    expect(others).toEqual([]);
    expect(record).toMatchObject({ id: "leg-1", attempt: 2, keys: "12", fallbacks: ["lost"], ...ended() });
    expect(record?.started).toBe(cdrOf().started);
    expect(record?.turns.map(({ caller, callerMs }) => [caller, callerMs])).toEqual([
      ["First.", 1000],
      ["Second.", 6000],
    ]);
    expect(folder.lines()).toEqual([record]);
  });
});

describe("a clock that was put back while nobody had the call", () => {
  test("does not let the record end before it began", async () => {
    using folder = new RecordFolder();
    const later = new Date(NOON + 3_600_000).toISOString();
    await folder.book(DEAD).open(1, cdrOf({ started: later, answered: later }));
    await folder.book().closeLost();
    expect(await folder.calls()).toEqual([expect.objectContaining({ started: later, ended: later })]);
  });

  test("does not turn two attempts round", async () => {
    using folder = new RecordFolder();
    const later = new Date(NOON + 3_600_000).toISOString();
    await folder.book(DEAD).open(1, cdrOf({ started: later }));
    const next = folder.book();
    await next.open(7, cdrOf({ attempt: 2, answered: new Date(NOON + 500).toISOString() }));
    await next.change(7, ended());
    expect(await folder.calls()).toEqual([
      expect.objectContaining({
        started: later,
        answered: new Date(NOON + 3_600_500).toISOString(),
        ended: new Date(NOON + 3_660_000).toISOString(),
      }),
    ]);
  });
});

describe("a database that is broken", () => {
  test("from the start is set aside, and a new one takes the records", async () => {
    using folder = new RecordFolder();
    mkdirSync(folder.dir);
    writeFileSync(databaseFile(folder.dir), "this is no database, it is a poem about one, and it is long enough");
    const book = folder.book();
    await book.open(1, cdrOf());
    await book.change(1, ended());
    expect(folder.setAside).toEqual([expect.stringContaining("calls.db.corrupt-2026-11-20T12-00-00-000Z")]);
    expect(await folder.calls()).toHaveLength(1);
    expect(folder.lines()).toHaveLength(1);
  });

  test("while calls are up is set aside, and the new one has all of them", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    await book.open(1, cdrOf({ id: "one" }));
    await book.change(1, {}, turnOf("Hello?"));
    await book.open(2, cdrOf({ id: "two" }));
    scribble(databaseFile(folder.dir));
    // Another connection sees the damage first: what this one has in its cache is sound.
    await folder.book().closeLost();
    expect(folder.setAside).toHaveLength(1);
    await book.change(1, ended());
    const calls = await folder.calls();
    expect(calls.map(({ id }) => id).sort()).toEqual(["one", "two"]);
    expect(calls.find(({ id }) => id === "one")).toMatchObject({ ...ended(), turns: [turnOf("Hello?")] });
  });

  test("that somebody removed is made again, with the calls that are up", async () => {
    using folder = new RecordFolder();
    const book = folder.book();
    await book.open(1, cdrOf());
    for (const suffix of ["", "-wal", "-shm"]) rmSync(databaseFile(folder.dir) + suffix, { force: true });
    await book.change(1, ended(), turnOf("Hello?"));
    expect(await folder.calls()).toEqual([cdrOf({ ...ended(), turns: [turnOf("Hello?")] })]);
  });
});

/** Garbage over the whole database and its log of changes, as a dying disk leaves it. */
function scribble(file: string): void {
  for (const name of [file, `${file}-wal`]) {
    const { size } = statSync(name);
    const fd = openSync(name, "r+");
    writeSync(fd, Buffer.alloc(size, 0x5a));
    closeSync(fd);
  }
}

describe("a disk that takes nothing", () => {
  test("loses no record: they are written when it does again", async () => {
    using folder = new RecordFolder();
    // A file where the folder should be: root may write everywhere else.
    writeFileSync(folder.dir, "");
    const book = folder.book();
    await expect(book.open(1, cdrOf())).rejects.toThrow();
    await expect(book.change(1, {}, turnOf("Hello?"))).rejects.toThrow();
    await expect(book.change(1, ended())).rejects.toThrow();
    expect(book.waiting).toBe(1);
    rmSync(folder.dir);
    await book.retry();
    expect(book.waiting).toBe(0);
    expect(await folder.calls()).toEqual([cdrOf({ ...ended(), turns: [turnOf("Hello?")] })]);
    expect(folder.lines()).toHaveLength(1);
  });

  test("has a limit to what waits for it", { timeout: 120_000 }, async () => {
    using folder = new RecordFolder();
    writeFileSync(folder.dir, "");
    const book = folder.book();
    for (let handle = 0; handle < 1003; handle++) {
      await book.open(handle, cdrOf({ id: `call-${handle}` })).catch(() => undefined);
      await book.change(handle, ended()).catch(() => undefined);
    }
    expect(book.waiting).toBe(1000);
    expect(folder.dropped).toBe(3);
  });

  test("in the middle of a line costs only what it had not taken: the next line stands alone", async () => {
    using folder = new RecordFolder();
    mkdirSync(folder.dir);
    const file = join(folder.dir, "calls-2026-11-20.jsonl");
    writeFileSync(file, '{"id":"half');
    const book = folder.book();
    await book.open(1, cdrOf());
    await book.change(1, ended());
    const [half, whole = ""] = readFileSync(file, "utf8").split("\n");
    expect(half).toBe('{"id":"half');
    expect(JSON.parse(whole)).toMatchObject({ id: "leg-1" });
  });
});

test("a database of a newer version is left alone", async () => {
  using folder = new RecordFolder();
  mkdirSync(folder.dir);
  const newer = new DatabaseSync(databaseFile(folder.dir));
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  await expect(folder.book().open(1, cdrOf())).rejects.toThrow("newer version of Sidetone");
  expect(folder.setAside).toEqual([]);
});
