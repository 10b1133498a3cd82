import type { Kysely } from "kysely";
import { LOST } from "./calls.ts";
import { writeMissingLines } from "./lines.ts";
import { isOwnerAlive } from "./owner.ts";
import type { Tables } from "./schema.ts";

/**
 * Closes the records whose process is gone: their calls are in the menu, or over. Returns how many. May be called at any
 * time, by any process.
 */
export async function closeLost(db: Kysely<Tables>, dir: string, at: string): Promise<number> {
  const open = await db
    .selectFrom("calls")
    .select(["id", "owner", "started", "answered", "fallbacks"])
    .where("ended", "is", null)
    .execute();
  let closed = 0;
  for (const { id, owner, started, answered, fallbacks } of open) {
    if (isOwnerAlive(owner)) continue;
    const next = JSON.stringify({ next: "menu", reason: LOST });
    const all = JSON.stringify([...(JSON.parse(fallbacks) as string[]), LOST]);
    // The clock may have been put back meanwhile: nothing ends before it began.
    const ended = [at, answered ?? started].toSorted().at(-1) ?? at;
    const result = await db
      .updateTable("calls")
      .set({ ended, next, fallbacks: all })
      .where("id", "=", id)
      .where("owner", "=", owner)
      .where("ended", "is", null)
      .executeTakeFirst();
    closed += Number(result.numUpdatedRows);
  }
  await writeMissingLines(db, dir);
  return closed;
}
