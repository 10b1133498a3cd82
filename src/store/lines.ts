import {
  chownSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Kysely } from "kysely";
import { codeOf } from "../base/errors.ts";
import type { Cdr } from "../call/cdr.ts";
import { findCall } from "./calls.ts";
import { isOwnerAlive } from "./owner.ts";
import type { Tables } from "./schema.ts";

/*
 * One JSON line a call, in one file a day (UTC, by the end of the call). Several processes write them: whoever does has
 * a transaction of the database open, which is the lock.
 */

type Db = Kysely<Tables>;

const NAME = /^calls-(\d{4}-\d{2}-\d{2})\.jsonl$/;

/** The files and their days, the oldest first. */
export function lineFiles(dir: string): { file: string; day: string }[] {
  return namesIn(dir)
    .flatMap((name) => {
      const day = NAME.exec(name)?.[1];
      return day === undefined ? [] : [{ file: join(dir, name), day }];
    })
    .sort((a, b) => a.day.localeCompare(b.day));
}

export function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

const fileFor = (dir: string, cdr: Cdr): string => join(dir, `calls-${(cdr.ended ?? cdr.started).slice(0, 10)}.jsonl`);

/** Writes the line of a record that is complete, and notes that it stands there. Does nothing where it does already. */
export async function writeLine(db: Db, dir: string, id: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const row = await tx
      .selectFrom("calls")
      .select(["line", "ended", "outcome_pending"])
      .where("id", "=", id)
      .executeTakeFirst();
    const cdr =
      row && row.line === 0 && row.ended !== null && row.outcome_pending === 0 ? await findCall(tx, id) : undefined;
    if (!cdr) return;
    appendLine(fileFor(dir, cdr), JSON.stringify(cdr));
    await tx.updateTable("calls").set({ line: 1 }).where("id", "=", id).execute();
  });
}

/** Writes the whole line or none of it; the half that a process of before has left stays alone. */
function appendLine(file: string, line: string): void {
  const fd = openSync(file, "a+", 0o600);
  try {
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    if (size > 0) readSync(fd, last, 0, 1, size - 1);
    try {
      // All of it: a disk that is nearly full takes a part, and says only the next time that it is full.
      writeFileSync(fd, `${size === 0 || last[0] === NEWLINE ? "" : "\n"}${line}\n`);
    } catch (error) {
      ftruncateSync(fd, size);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

const NEWLINE = 0x0a;

/** Writes the lines that a process of before, or a full disk, has left out. `mine`: also those of this owner. */
export async function writeMissingLines(
  db: Db,
  dir: string,
  { mine, isAlive = isOwnerAlive }: { mine?: string; isAlive?: (owner: string) => boolean } = {},
): Promise<void> {
  const rows = await db
    .selectFrom("calls")
    .select(["id", "owner"])
    .where("line", "=", 0)
    .where("ended", "is not", null)
    .where("outcome_pending", "=", 0)
    .execute();
  for (const { id, owner } of rows) {
    if (owner !== mine && isAlive(owner)) continue;
    await removeLine(db, dir, id);
    await writeLine(db, dir, id);
  }
}

/** Takes a call's line away: it is going to be written again. */
export async function removeLine(db: Db, dir: string, id: string): Promise<void> {
  const cdr = await findCall(db, id);
  if (!cdr) return;
  await db.transaction().execute(async (tx) => {
    rewriteLines(fileFor(dir, cdr), (line, found) => (found.id === id ? undefined : line));
    await tx.updateTable("calls").set({ line: 0 }).where("id", "=", id).execute();
  });
}

/** What a line holds, as far as it can be read. */
type Line = Partial<Cdr>;

/** Gives every line to `keep`, which returns it, another one, or nothing; returns how many changed. The file keeps its owner and mode. */
export function rewriteLines(file: string, keep: (line: string, found: Line) => string | undefined): number {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) return 0;
  let changed = 0;
  const kept = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const now = keep(line, parsed(line));
      if (now !== line) changed++;
      return now === undefined ? [] : [`${now}\n`];
    });
  if (changed === 0) return 0;
  const beside = `${file}.new`;
  try {
    writeFileSync(beside, kept.join(""), { mode: 0o600 });
    // The administrator who erases is root, and the service shall be able to go on writing.
    if (process.getuid?.() === 0) chownSync(beside, stat.uid, stat.gid);
    renameSync(beside, file);
  } finally {
    // What a full disk took of it holds callers' words, and nobody would look for it.
    rmSync(beside, { force: true });
  }
  return changed;
}

function parsed(line: string): Line {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    // Half a line, from a disk that was full: it is nobody's record.
    return {};
  }
}
