import { unlinkSync } from "node:fs";
import type { Kysely } from "kysely";
import type { Cdr } from "../call/cdr.ts";
import { lineFiles, rewriteLines } from "./lines.ts";
import { expireMemories } from "./memories.ts";
import { removeRecording } from "./recordings.ts";
import type { Tables } from "./schema.ts";

/** For how many days each of them is kept. A record that goes takes its words and its recording along. */
export interface KeepDays {
  readonly records: number;
  readonly transcripts: number;
  readonly recordings: number;
  /** Notes of callers. Absent: they are nobody's business any more. */
  readonly memories?: number | undefined;
}

export interface Expired {
  readonly records: number;
  readonly transcripts: number;
  readonly recordings: number;
  /** Recordings that could not be removed; they are tried again the next time. */
  readonly failed: number;
}

type Db = Kysely<Tables>;

const DAY_MS = 86_400_000;
/** At once, so that the database is not locked for long. */
const BATCH = 200;

/** The moment before which things are over. */
const cutOf = (nowMs: number, days: number): string => new Date(nowMs - days * DAY_MS).toISOString();

/** Removes what has been kept for long enough. `pause` is awaited between batches: others may want to write. */
export async function expire(
  db: Db,
  dir: string,
  { keepDays, nowMs, pause }: { keepDays: KeepDays; nowMs: number; pause: () => Promise<void> },
): Promise<Expired> {
  const recordsCut = cutOf(nowMs, keepDays.records);
  const recordings = await expireRecordings(db, [cutOf(nowMs, keepDays.recordings), recordsCut], pause);
  const transcripts = await expireWords(db, cutOf(nowMs, keepDays.transcripts), pause);
  const records = await expireRecords(db, recordsCut, pause);
  await expireMemories(db, cutOf(nowMs, keepDays.memories ?? 0));
  await expireLines(db, dir, { records: recordsCut, transcripts: cutOf(nowMs, keepDays.transcripts) });
  return { records, transcripts, ...recordings };
}

async function expireRecordings(db: Db, cuts: readonly string[], pause: () => Promise<void>) {
  const cut = cuts.toSorted().at(-1) ?? "";
  let [recordings, failed, last] = [0, 0, ""];
  for (;;) {
    const rows = await db
      .selectFrom("calls")
      .select(["id", "recording_path"])
      .where("recording_path", "is not", null)
      .where("started", "<", cut)
      .where("ended", "is not", null)
      .where("id", ">", last)
      .orderBy("id")
      .limit(BATCH)
      .execute();
    for (const { id, recording_path: path } of rows) {
      try {
        removeRecording(path ?? "");
        await db.updateTable("calls").set({ recording_path: null }).where("id", "=", id).execute();
        recordings++;
      } catch {
        failed++;
      }
      last = id;
    }
    if (rows.length < BATCH) return { recordings, failed };
    await pause();
  }
}

async function expireWords(db: Db, cut: string, pause: () => Promise<void>): Promise<number> {
  for (let removed = 0; ; await pause()) {
    const rows = await db
      .selectFrom("calls")
      .select("id")
      .where("words", "=", 1)
      .where("started", "<", cut)
      .where("ended", "is not", null)
      .limit(BATCH)
      .execute();
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0) {
      await db.transaction().execute(async (tx) => {
        await tx.updateTable("turns").set({ caller: "", agent: "", heard: "" }).where("call", "in", ids).execute();
        await tx
          .updateTable("calls")
          .set({ words: 0, keys: "", notes: "[]", outcome: null, outcome_pending: 0 })
          .where("id", "in", ids)
          .execute();
      });
    }
    removed += ids.length;
    if (rows.length < BATCH) return removed;
  }
}

async function expireRecords(db: Db, cut: string, pause: () => Promise<void>): Promise<number> {
  for (let removed = 0; ; await pause()) {
    // One whose recording could not be removed stays: without it nobody would know of the file.
    const old = db
      .selectFrom("calls")
      .select("id")
      .where("started", "<", cut)
      .where("ended", "is not", null)
      .where("recording_path", "is", null)
      .limit(BATCH);
    const { numDeletedRows } = await db.deleteFrom("calls").where("id", "in", old).executeTakeFirst();
    removed += Number(numDeletedRows);
    if (numDeletedRows < BATCH) return removed;
  }
}

async function expireLines(db: Db, dir: string, cuts: { records: string; transcripts: string }): Promise<void> {
  for (const { file, day } of lineFiles(dir)) {
    // A day's file goes when its last line may.
    if (day < cuts.records.slice(0, 10)) unlinkSync(file);
    else if (day < cuts.transcripts.slice(0, 10))
      await db.transaction().execute(async () => {
        rewriteLines(file, (line, found) => {
          // Half a line, from a disk that was full, may hold words as well.
          if (found.id === undefined) return undefined;
          return found.words === false ? line : JSON.stringify(withoutWords(found));
        });
      });
  }
}

/** A record from which what was said, pressed and noted is gone; the figures stay. */
export const withoutWords = <Record extends Partial<Cdr>>(cdr: Record): Record => ({
  ...cdr,
  turns: (cdr.turns ?? []).map((turn) => ({ ...turn, caller: "", agent: "", heard: "" })),
  keys: "",
  notes: [],
  outcome: null,
  words: false,
});
