import { join } from "node:path";
import type { Kysely } from "kysely";
import { messageOf } from "../base/errors.ts";
import type { Cdr } from "../call/cdr.ts";
import { plainNumber } from "../call/number.ts";
import type { Database } from "./database.ts";
import { lineFiles, namesIn, rewriteLines } from "./lines.ts";
import { isOwnerAlive } from "./owner.ts";
import { removeRecording } from "./recordings.ts";
import type { Tables } from "./schema.ts";

/** What was removed of a caller, and what was not. */
export interface Erased {
  readonly records: number;
  readonly turns: number;
  readonly lines: number;
  readonly recordings: number;
  /** Recordings that were gone already. */
  readonly missing: number;
  /** Records of other calls in which the number stood as the one that had diverted them: it stands there no more. */
  readonly diversions: number;
  /** Calls of this number that are up: their records are not complete, and stay. */
  readonly up: number;
  readonly failed: readonly { readonly path: string; readonly why: string }[];
  /** Other numbers that end like this one: perhaps the same caller, written in another way. */
  readonly similar: readonly string[];
  /** Broken databases that were set aside, and may still hold the caller. */
  readonly aside: readonly string[];
}

/** So many digits at the end make two numbers similar. */
const SIMILAR_DIGITS = 7;
const BATCH = 200;

const isOf = (cdr: Partial<Pick<Cdr, "direction" | "from" | "to">>, number: string): boolean =>
  plainNumber((cdr.direction === "outbound" ? cdr.to : cdr.from) ?? "") === number;

/** Removes all records of calls with this number, their words, lines and recordings. A recording that cannot be removed keeps its record. */
export async function eraseNumber({ db, checkpoint }: Database, dir: string, wanted: string): Promise<Erased> {
  const number = plainNumber(wanted);
  const found = await callsOf(db, number);
  const finished = found.rows.filter(({ ended, owner }) => ended !== null || !isOwnerAlive(owner));
  const erased = { recordings: 0, missing: 0, failed: [] as { path: string; why: string }[] };
  const ids = new Set<string>();
  for (const { id, recording_path: path } of finished) {
    try {
      if (path !== null) removeRecording(path) ? erased.recordings++ : erased.missing++;
      ids.add(id);
    } catch (error) {
      erased.failed.push({ path: path ?? "", why: messageOf(error) });
    }
  }
  const { turns, lines, diversions } = await removeAll(db, dir, { ids, number, kept: keptIds(found.rows, ids) });
  checkpoint();
  const aside = namesIn(dir).filter((name) => name.includes(".corrupt-") && !/-(wal|shm)$/.test(name));
  return {
    ...erased,
    records: ids.size,
    turns,
    lines,
    diversions,
    up: found.rows.length - finished.length,
    similar: found.similar,
    aside: aside.map((name) => join(dir, name)),
  };
}

const keptIds = (rows: readonly { id: string }[], ids: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(rows.map(({ id }) => id).filter((id) => !ids.has(id)));

async function callsOf(db: Kysely<Tables>, number: string) {
  const all = await db
    .selectFrom("calls")
    .select(["id", "direction", "from_number", "to_number", "ended", "owner", "recording_path"])
    .execute();
  const partyOf = (row: (typeof all)[number]) => (row.direction === "outbound" ? row.to_number : row.from_number);
  const rows = all.filter((row) => plainNumber(partyOf(row)) === number);
  const ending = number.replaceAll(/\D/g, "").slice(-SIMILAR_DIGITS);
  const similar = all.map(partyOf).filter((other) => {
    const digits = other.replaceAll(/\D/g, "");
    return ending.length === SIMILAR_DIGITS && digits.endsWith(ending) && plainNumber(other) !== number;
  });
  return { rows, similar: [...new Set(similar)] };
}

interface Removal {
  readonly ids: ReadonlySet<string>;
  readonly number: string;
  /** Of the same number, and to stay. */
  readonly kept: ReadonlySet<string>;
}

async function removeAll(db: Kysely<Tables>, dir: string, { ids, number, kept }: Removal) {
  const removed = { turns: 0, lines: 0, diversions: 0 };
  await db.transaction().execute(async (tx) => {
    const all = [...ids];
    for (let at = 0; at < all.length; at += BATCH) {
      const some = all.slice(at, at + BATCH);
      const turns = await tx.deleteFrom("turns").where("call", "in", some).executeTakeFirst();
      removed.turns += Number(turns.numDeletedRows);
      await tx.deleteFrom("calls").where("id", "in", some).execute();
    }
    const diverted = await tx.selectFrom("calls").select(["id", "diversion"]).where("diversion", "!=", "").execute();
    for (const { id, diversion } of diverted) {
      if (plainNumber(diversion) !== number) continue;
      await tx.updateTable("calls").set({ diversion: "" }).where("id", "=", id).execute();
      removed.diversions++;
    }
    // A line may outlive its row, when the database was broken in between.
    for (const { file } of lineFiles(dir)) {
      rewriteLines(file, (line, cdr) => {
        if (ids.has(cdr.id ?? "") || (isOf(cdr, number) && !kept.has(cdr.id ?? ""))) {
          removed.lines++;
          return undefined;
        }
        return plainNumber(cdr.diversion ?? "") === number ? JSON.stringify({ ...cdr, diversion: "" }) : line;
      });
    }
  });
  return removed;
}
