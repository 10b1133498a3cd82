import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Claim, CourseEvent } from "../../src/call/journal.ts";
import { realDisk } from "../../src/store/journal-disk.ts";
import { JournalFolder, type JournalFolderOptions } from "../../src/store/journal-folder.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const SECRET = "a secret of some length";
const CALL = { engine: "asterisk", id: "1764000000.12", direction: "inbound", from: "+4930123", to: "200" } as const;
const FIRST = "asterisk-1764000000.12.1.jsonl";
const SECOND = "asterisk-1764000000.12.2.jsonl";
const TURN: readonly CourseEvent[] = [
  { type: "asked", text: "when are you open" },
  { type: "saying", kind: "answer", pieces: ["At nine.", "We close at noon."] },
  { type: "at", piece: 1 },
];

let dir: string;
let failures: number;
const folders: JournalFolder[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sidetone-journal-"));
  failures = 0;
});
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => folder.close()));
  await rm(dir, { recursive: true, force: true });
});

function worker(options: Partial<JournalFolderOptions> = {}): JournalFolder {
  const onFailure = (): void => void failures++;
  const folder = new JournalFolder({
    ...{ dir, fsync: "never", secret: undefined, clock: systemClock, log: silentLog, onFailure },
    ...options,
  });
  folders.push(folder);
  return folder;
}

/** A worker that has talked for a turn, and is dead: what is on the disk is all there is. */
async function died(options: Partial<JournalFolderOptions> = {}): Promise<void> {
  const writer = worker(options).begin(CALL, "reception");
  for (const event of TURN) writer.write(event);
  await folders.at(-1)?.close();
}

const courseIn = (claim: Claim) => (claim.type === "mine" ? claim.course : undefined);

describe.each([
  ["in the clear", undefined],
  ["sealed", SECRET],
])("a call's journal, %s,", (_how, secret) => {
  test("tells another worker how far the call was", async () => {
    await died({ secret });
    const course = courseIn(await worker({ secret }).claim(CALL));
    expect(course).toEqual({
      agent: "reception",
      history: [{ role: "caller", text: "when are you open" }],
      asked: "",
      keys: "",
      cut: { kind: "answer", pieces: ["At nine.", "We close at noon."], at: 1, tools: [] },
    });
    expect(failures).toBe(0);
  });

  test("is good up to a line that was cut, or is none", async () => {
    await died({ secret });
    const path = join(dir, FIRST);
    await truncate(path, (await stat(path)).size - 5);
    const course = courseIn(await worker({ secret }).claim(CALL));
    expect(course?.cut?.at).toBe(0);
    await rm(join(dir, SECOND));
    await appendFile(path, 'garbage\n{"type":"heard","text":"forged","tools":[]}\n');
    expect(courseIn(await worker({ secret }).claim(CALL))?.cut?.at).toBe(0);
  });

  test("is written by two of which one alone goes on, and not a third time", async () => {
    await died({ secret });
    const claims = await Promise.all([worker({ secret }), worker({ secret })].map((one) => one.claim(CALL)));
    expect(claims.map(({ type }) => type).sort()).toEqual(["mine", "refused"]);
    await Promise.all(folders.map((folder) => folder.close()));
    expect((await worker({ secret }).claim(CALL)).type, "who has died twice goes to the menu").toBe("refused");
  });

  test("keeps the language that the caller has come to speak", async () => {
    const writer = worker({ secret }).begin(CALL, "reception");
    for (const event of [{ type: "language", language: "de" }, ...TURN] as const) writer.write(event);
    await folders.at(-1)?.close();
    expect(courseIn(await worker({ secret }).claim(CALL))).toMatchObject({ language: "de", cut: { at: 1 } });
  });

  test("goes on in a file of its own, and both are gone with the call", async () => {
    await died({ secret });
    const claim = await worker({ secret }).claim(CALL);
    if (claim.type === "mine") claim.writer.write({ type: "heard", text: "We close at noon.", tools: [] });
    await folders.at(-1)?.close();
    expect((await readdir(dir)).sort()).toEqual([FIRST, SECOND]);
    if (claim.type === "mine") claim.writer.end();
    await expect.poll(() => readdir(dir)).toEqual([]);
  });
});

test("a disk that hangs is waited for while a caller bears the silence, and not longer", async () => {
  await died();
  const clock = new VirtualClock();
  const never = new Promise<never>(() => {});
  const claiming = worker({ clock, disk: { ...realDisk, read: () => never } }).claim(CALL);
  let claim: Claim | undefined;
  void claiming.then((found) => {
    claim = found;
  });
  await clock.advance(390);
  expect(claim).toBeUndefined();
  await clock.advance(20);
  expect(claim).toEqual({ type: "none" });
});

test("a server of several hosts that hangs keeps nobody from an offered call, and a folder asks nobody", async () => {
  const clock = new VirtualClock();
  const never = new Promise<never>(() => {});
  const taking = worker({ clock, disk: { ...realDisk, reserve: () => never } }).takeOffer("media-1");
  let taken: boolean | undefined;
  void taking.then((mine) => {
    taken = mine;
  });
  await clock.advance(90);
  expect(taken).toBeUndefined();
  await clock.advance(20);
  expect([taken, failures]).toEqual([true, 1]);
  expect(await worker().takeOffer("media-1")).toBe(true);
});

test("a worker that a busy machine keeps from running finds what the disk has answered meanwhile", async () => {
  await died();
  const claiming = worker().claim(CALL);
  const untilMs = performance.now() + 450;
  while (performance.now() < untilMs);
  expect((await claiming).type).toBe("mine");
});

test("a long journal is read whole", async () => {
  await died();
  const text = "ä".repeat(99_999);
  await writeFile(join(dir, "long.jsonl"), text);
  expect(await realDisk.read(join(dir, "long.jsonl"))).toBe(text);
  expect(await realDisk.read(join(dir, "none.jsonl"))).toBeUndefined();
});

test("a worker that was stopped and wakes up cannot spoil the journal of the one that has gone on", async () => {
  const late = worker();
  const writer = late.begin(CALL, "reception");
  for (const event of TURN) writer.write(event);
  await late.close();
  expect((await worker().claim(CALL)).type).toBe("mine");
  await folders.at(-1)?.close();
  const before = await readFile(join(dir, SECOND), "utf8");
  writer.write({ type: "heard", text: "too late", tools: [] });
  writer.end();
  await expect.poll(() => readdir(dir)).toEqual([SECOND]);
  expect(await readFile(join(dir, SECOND), "utf8")).toBe(before);
});

test("nothing that was said stands in a sealed journal, and another secret opens nothing", async () => {
  await died({ secret: SECRET });
  const text = await readFile(join(dir, FIRST), "utf8");
  expect(text).not.toMatch(/open|noon|reception|4930123/);
  expect((await worker({ secret: "quite another secret" }).claim(CALL)).type).toBe("none");
  expect(failures).toBe(1);
});

test("a sealed line is good in its own place alone", async () => {
  await died({ secret: SECRET });
  const [began, asked, saying, at] = (await readFile(join(dir, FIRST), "utf8")).split("\n");
  await writeFile(join(dir, FIRST), `${[began, saying, asked, at].join("\n")}\n`);
  expect(courseIn(await worker({ secret: SECRET }).claim(CALL))).toMatchObject({ history: [], asked: "" });
});

test("a turn costs a few hundred bytes", async () => {
  await died({ secret: SECRET });
  const before = (await stat(join(dir, FIRST))).size;
  await rm(join(dir, FIRST));
  const writer = worker({ secret: SECRET }).begin(CALL, "reception");
  for (const event of [...TURN, { type: "heard", text: "At nine. We close at noon.", tools: [] } as const])
    writer.write(event);
  await folders.at(-1)?.close();
  expect((await stat(join(dir, FIRST))).size).toBeLessThan(800);
  expect(before).toBeGreaterThan(0);
});

test("a call that comes back from a transfer goes on with what was said, and its old end is not its end any more", async () => {
  const next = { next: "transfer", target: "sales" } as const;
  const writer = worker().begin(CALL, "reception");
  for (const event of [...TURN, { type: "left", next } as const]) writer.write(event);
  await writer.park?.();
  const back = worker();
  const claim = await back.takeBack(CALL);
  expect(courseIn(claim)?.history).toEqual([{ role: "caller", text: "when are you open" }]);
  expect(courseIn(claim)?.left).toBeUndefined();
  // The worker that has it back dies as well.
  if (claim.type === "mine") claim.writer.write({ type: "asked", text: "and on sunday" });
  await back.close();
  const course = courseIn(await worker().claim(CALL));
  expect([course?.asked, course?.left]).toEqual(["and on sunday", undefined]);
  expect(failures).toBe(0);
});

test("a disk that takes nothing costs the call its journal and no more, and what it takes later is whole", async () => {
  const blocked = join(dir, "file");
  await writeFile(blocked, "no folder");
  const folder = worker({ dir: join(blocked, "journal") });
  const writer = folder.begin(CALL, "reception");
  await expect.poll(() => failures).toBeGreaterThan(0);
  for (const event of TURN) writer.write(event);
  await rm(blocked);
  await expect.poll(() => readdir(join(blocked, "journal")).catch(() => []), { timeout: 5000 }).toEqual([FIRST]);
  await folder.close();
  expect(courseIn(await worker({ dir: join(blocked, "journal") }).claim(CALL))?.cut?.at).toBe(1);
});

test("what is said while the disk is at work is not lost", async () => {
  const { promise: atWork, resolve: begun } = Promise.withResolvers<void>();
  const { promise: may, resolve: goOn } = Promise.withResolvers<void>();
  const create = async (path: string) => {
    const file = await realDisk.create(path);
    if (!file) return undefined;
    const write = async (data: Buffer, at: number) => {
      begun();
      await may;
      return file.write(data, at);
    };
    return { ...file, write };
  };
  const writer = worker({ disk: { ...realDisk, create } }).begin(CALL, "reception");
  await atWork;
  for (const event of TURN) writer.write(event);
  goOn();
  await writer.kept?.();
  expect(courseIn(await worker().claim(CALL))).toMatchObject({ cut: { at: 1 } });
});

test("a call whose worker died before its first line was written is one of which nothing is known, and no fault", async () => {
  for (const text of ["", '{"version":1,"agent":"rec']) {
    await writeFile(join(dir, FIRST), text);
    const folder = worker();
    expect((await folder.claim(CALL)).type).toBe("none");
    folder.begin(CALL, "reception").write(TURN[0] as CourseEvent);
    await folder.close();
    expect(courseIn(await worker().claim(CALL))).toMatchObject({ asked: "when are you open" });
    await rm(join(dir, SECOND));
  }
  expect(failures).toBe(0);
});

test("a call that says too much is no longer written, and what was written is removed", async () => {
  const folder = worker();
  const writer = folder.begin(CALL, "reception");
  for (let turn = 0; turn < 200; turn++) writer.write({ type: "heard", text: "x".repeat(20_000), tools: [] });
  await expect.poll(() => failures).toBe(1);
  await folder.close();
  expect((await worker().claim(CALL)).type).toBe("none");
});

test("what nobody went on with is removed after an hour", async () => {
  await died();
  const folder = worker();
  await folder.removeStale();
  expect(await readdir(dir)).toEqual([FIRST]);
  const old = (systemClock.wall() - 3_700_000) / 1000;
  await utimes(join(dir, FIRST), old, old);
  await folder.removeStale();
  expect(await readdir(dir)).toEqual([]);
});

test("whatever the PBX calls a call, its journal stays in the folder", async () => {
  worker().begin({ ...CALL, id: "../../etc/passwd" }, "reception");
  await folders.at(-1)?.close();
  expect(await readdir(dir)).toEqual(["asterisk-..%2F..%2Fetc%2Fpasswd.1.jsonl"]);
});
