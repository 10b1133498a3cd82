import type { Kysely } from "kysely";
import type { CdrOutcome } from "../call/cdr.ts";
import { findCall, LOST } from "./calls.ts";
import { enqueue } from "./enqueue.ts";
import { writeMissingLines } from "./lines.ts";
import { isOwnerAlive } from "./owner.ts";
import type { Tables } from "./schema.ts";

/**
 * Closes the records whose process is gone: their calls are in the menu, or over. Returns how many. May be called at any
 * time, by any process.
 */
export async function closeLost(
  db: Kysely<Tables>,
  dir: string,
  at: string,
  isAlive: (owner: string) => boolean = isOwnerAlive,
): Promise<number> {
  const open = await db
    .selectFrom("calls")
    .select(["id", "owner", "started", "answered", "fallbacks"])
    .where("ended", "is", null)
    .execute();
  let closed = 0;
  for (const { id, owner, started, answered, fallbacks } of open) {
    if (isAlive(owner)) continue;
    const next = JSON.stringify({ next: "menu", reason: LOST });
    const all = JSON.stringify([...(JSON.parse(fallbacks) as string[]), LOST]);
    // The clock may have been put back meanwhile: nothing ends before it began.
    const ended = [at, answered ?? started].toSorted().at(-1) ?? at;
    closed += await db.transaction().execute(async (tx) => {
      const result = await tx
        .updateTable("calls")
        .set({ ended, next, fallbacks: all })
        .where("id", "=", id)
        .where("owner", "=", owner)
        .where("ended", "is", null)
        .executeTakeFirst();
      await tellOf(tx, id, result.numUpdatedRows);
      return Number(result.numUpdatedRows);
    });
  }
  await completePending(db, isAlive);
  await writeMissingLines(db, dir, { isAlive });
  return closed;
}

/** Calls that had ended, whose outcome nobody is going to fill any more. */
async function completePending(db: Kysely<Tables>, isAlive: (owner: string) => boolean): Promise<void> {
  const pending = await db.selectFrom("calls").select(["id", "owner"]).where("outcome_pending", "=", 1).execute();
  for (const { id, owner } of pending) {
    if (isAlive(owner)) continue;
    await db.transaction().execute(async (tx) => {
      const result = await tx
        .updateTable("calls")
        .set({ outcome: JSON.stringify(UNFILLED), outcome_pending: 0 })
        .where("id", "=", id)
        .where("owner", "=", owner)
        .where("outcome_pending", "=", 1)
        .executeTakeFirst();
      await tellOf(tx, id, result.numUpdatedRows);
    });
  }
}

const UNFILLED: CdrOutcome = {
  state: "failed",
  summary: "",
  fields: {},
  problems: ["the worker died before it was filled"],
};

async function tellOf(tx: Kysely<Tables>, id: string, updated: bigint): Promise<void> {
  const cdr = updated > 0n ? await findCall(tx, id) : undefined;
  if (cdr) await enqueue(tx, cdr);
}
