import type { Kysely } from "kysely";
import { NOTE_MAX, NOTES_MAX, type Remembered } from "../call/memory.ts";
import type { Tables } from "./schema.ts";

type Db = Kysely<Tables>;

/** One note of a caller. */
export interface MemoryRow {
  readonly number: string;
  readonly agent: string;
  readonly text: string;
  readonly at: string;
}

/** Notes it; the oldest of too many go, and what is noted already is noted anew. */
export async function remember(db: Db, row: MemoryRow): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const text = row.text.slice(0, NOTE_MAX);
    await tx.deleteFrom("memories").where("number", "=", row.number).where("text", "=", text).execute();
    await tx
      .insertInto("memories")
      .values({ ...row, text })
      .execute();
    const kept = tx
      .selectFrom("memories")
      .select("id")
      .where("number", "=", row.number)
      .orderBy("id", "desc")
      .limit(NOTES_MAX);
    await tx.deleteFrom("memories").where("number", "=", row.number).where("id", "not in", kept).execute();
  });
}

/** The latest last, and none that is older than it may be. */
export async function recall(db: Db, number: string, since: string): Promise<readonly Remembered[]> {
  return await db
    .selectFrom("memories")
    .select(["text", "at"])
    .where("number", "=", number)
    .where("at", ">=", since)
    .orderBy("id")
    .limit(NOTES_MAX)
    .execute();
}

export async function expireMemories(db: Db, cut: string): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom("memories").where("at", "<", cut).executeTakeFirst();
  return Number(numDeletedRows);
}

/** Forgets a caller, under any of these numbers. Returns how many notes there were. */
export async function eraseMemories(db: Db, numbers: readonly string[]): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom("memories")
    .where("number", "in", [...numbers])
    .executeTakeFirst();
  return Number(numDeletedRows);
}
