import type { Kysely, Selectable } from "kysely";
import type { Cdr } from "../call/cdr.ts";
import { findCall } from "./calls.ts";
import { isOwnerAlive } from "./owner.ts";
import type { OutboxTable, Tables } from "./schema.ts";

/*
 * What other systems are still to be told: one row for a call and its webhook, written in the transaction that makes the record complete, and
 * removed when it was taken. What is told is made of the record then, so that it is kept once only and erased with it.
 */

type Db = Kysely<Tables>;

/** A message that is to be delivered now, by whoever claimed it. */
export interface Claimed {
  readonly seq: number;
  /** The same at every try: what the receiver knows it by. */
  readonly id: string;
  readonly webhook: string;
  /** How often it was tried before. */
  readonly attempts: number;
  readonly cdr: Cdr;
}

export interface Claims {
  readonly events: readonly Claimed[];
  /** Messages that nobody has taken yet, by webhook. */
  readonly waiting: Readonly<Record<string, number>>;
  /** Those that were given up, by webhook: too old, or too many. */
  readonly dropped: Readonly<Record<string, number>>;
  /** When the next one is due; undefined: nobody knows of any. Since 1970, in ms. */
  readonly nextMs: number | undefined;
}

export interface ClaimOptions {
  /** Who claims; see owner.ts. */
  readonly owner: string;
  readonly nowMs: number;
  /** So long it is the claimer's, while that lives. */
  readonly leaseMs: number;
  /** How long messages are kept, by webhook. */
  readonly maxAgeMs: Readonly<Record<string, number>>;
}

/** `taken`: it is done with, delivered or not. Else when it is tried again. */
export type Settled =
  | { readonly taken: true }
  | {
      readonly taken: false;
      readonly dueMs: number;
      /** The receiver refused this very message: those behind it do not wait for it. */
      readonly refused: boolean;
    };

/** More than these wait for one webhook: the oldest go. */
const WAITING_MAX = 10_000;
/** Of a webhook that is not in the configuration any more. */
const DEFAULT_AGE_MS = 3 * 86_400_000;
const LOOK_AT = 100;

/** The next message of each webhook, in their order; one at a time. A process that died with one leaves it to the next at once. */
export async function claim(db: Db, options: ClaimOptions): Promise<Claims> {
  const { owner, nowMs, leaseMs, maxAgeMs } = options;
  return await db.transaction().execute(async (tx) => {
    const dropped = await dropOld(tx, nowMs, maxAgeMs);
    const counts = await tx
      .selectFrom("outbox")
      .select(({ fn }) => ["webhook", fn.countAll<number>().as("waiting")])
      .groupBy("webhook")
      .execute();
    const events: Claimed[] = [];
    const dues: number[] = [];
    for (const { webhook } of counts) {
      if (maxAgeMs[webhook] === undefined) continue;
      const rows = await tx
        .selectFrom("outbox")
        .selectAll()
        .where("webhook", "=", webhook)
        .orderBy("seq")
        .limit(LOOK_AT)
        .execute();
      const { row, dueMs } = nextOf(rows, nowMs);
      if (dueMs !== undefined) dues.push(dueMs);
      const cdr = row && (await findCall(tx, row.call));
      if (!row || !cdr) continue;
      const lease = { leased_by: owner, leased_until: nowMs + leaseMs };
      await tx.updateTable("outbox").set(lease).where("seq", "=", row.seq).execute();
      events.push({ seq: row.seq, id: row.id, webhook, attempts: row.attempts, cdr });
    }
    const waiting = Object.fromEntries(counts.map((count) => [count.webhook, Number(count.waiting)]));
    return { events, waiting, dropped, nextMs: dues.toSorted((a, b) => a - b)[0] };
  });
}

/** The first that may go. One that waits for its time has those behind it wait too, unless it was refused for what it says. */
function nextOf(
  rows: readonly Selectable<OutboxTable>[],
  nowMs: number,
): { row?: Selectable<OutboxTable>; dueMs?: number } {
  let dueMs: number | undefined;
  for (const row of rows) {
    const leased = row.leased_until > nowMs && isOwnerAlive(row.leased_by);
    const atMs = leased ? row.leased_until : row.due;
    if (atMs <= nowMs) return { row };
    dueMs = Math.min(dueMs ?? atMs, atMs);
    if (row.refused === 0) break;
  }
  return dueMs === undefined ? {} : { dueMs };
}

async function dropOld(tx: Db, nowMs: number, maxAgeMs: ClaimOptions["maxAgeMs"]): Promise<Record<string, number>> {
  const dropped: Record<string, number> = {};
  const known = await tx.selectFrom("outbox").select("webhook").distinct().execute();
  for (const { webhook } of known) {
    const cut = nowMs - (maxAgeMs[webhook] ?? DEFAULT_AGE_MS);
    const old = await tx
      .deleteFrom("outbox")
      .where("webhook", "=", webhook)
      .where("created", "<", cut)
      .executeTakeFirst();
    const kept = tx
      .selectFrom("outbox")
      .select("seq")
      .where("webhook", "=", webhook)
      .orderBy("seq", "desc")
      .limit(WAITING_MAX);
    const many = await tx
      .deleteFrom("outbox")
      .where("webhook", "=", webhook)
      .where("seq", "not in", kept)
      .executeTakeFirst();
    const count = Number(old.numDeletedRows + many.numDeletedRows);
    if (count > 0) dropped[webhook] = count;
  }
  return dropped;
}

/** What became of a claimed message. */
export async function settle(db: Db, seq: number, settled: Settled): Promise<void> {
  if (settled.taken) {
    await db.deleteFrom("outbox").where("seq", "=", seq).execute();
    return;
  }
  await db
    .updateTable("outbox")
    .set(({ eb }) => ({
      attempts: eb("attempts", "+", 1),
      due: Math.round(settled.dueMs),
      refused: settled.refused ? 1 : 0,
      leased_by: "",
      leased_until: 0,
    }))
    .where("seq", "=", seq)
    .execute();
}
