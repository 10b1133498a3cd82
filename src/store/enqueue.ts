import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { type Cdr, isComplete } from "../call/cdr.ts";
import type { Tables } from "./schema.ts";

/** Has the webhook told of a call. To be called in the transaction that completes a record. */
export async function enqueue(tx: Kysely<Tables>, cdr: Cdr): Promise<void> {
  if (cdr.webhook === "" || !isComplete(cdr)) return;
  const waits = await tx.selectFrom("outbox").select("seq").where("call", "=", cdr.id).executeTakeFirst();
  if (waits) return;
  const created = Date.parse(cdr.ended ?? cdr.started);
  await tx
    .insertInto("outbox")
    .values({
      ...{ id: `msg_${randomUUID()}`, call: cdr.id, webhook: cdr.webhook, created, due: created },
      ...{ attempts: 0, refused: 0, leased_by: "", leased_until: 0 },
    })
    .execute();
}
