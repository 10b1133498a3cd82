import type { Insertable, Kysely, Selectable } from "kysely";
import { type Cdr, type CdrRecording, type CdrTurn, isComplete } from "../call/cdr.ts";
import { enqueue } from "./enqueue.ts";
import type { CallsTable, Tables, TurnsTable } from "./schema.ts";

type Db = Kysely<Tables>;

/** Writes a whole record, new or known. False: it has come to another process meanwhile, and was left alone. */
export async function saveCall(db: Db, cdr: Cdr, owner: string): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    const known = await tx
      .selectFrom("calls")
      .select(["owner", "ended", "outcome_pending"])
      .where("id", "=", cdr.id)
      .executeTakeFirst();
    if (known && known.owner !== owner) return false;
    const row = rowOf(cdr, owner);
    if (known) await tx.updateTable("calls").set(row).where("id", "=", cdr.id).execute();
    else await tx.insertInto("calls").values(row).execute();
    await tx.deleteFrom("turns").where("call", "=", cdr.id).execute();
    for (const [place, turn] of cdr.turns.entries()) await insertTurn(tx, cdr.id, place, turn);
    if (!known || !wasComplete(known)) await enqueue(tx, cdr);
    return true;
  });
}

/** Writes what is new in a record that was saved before: all but its turns, and the last of those where it was `appended`. */
export async function saveProgress(
  db: Db,
  cdr: Cdr,
  owner: string,
  { appended }: { appended: boolean },
): Promise<void> {
  const last = appended ? cdr.turns.at(-1) : undefined;
  await db.transaction().execute(async (tx) => {
    const { id, ...row } = rowOf(cdr, owner);
    const updated = await tx
      .updateTable("calls")
      .set(row)
      .where("id", "=", id)
      .where("owner", "=", owner)
      .executeTakeFirst();
    if (updated.numUpdatedRows === 0n) return;
    if (last) await insertTurn(tx, id, cdr.turns.length - 1, last);
    if (isComplete(cdr)) await enqueue(tx, cdr);
  });
}

const wasComplete = (row: Pick<Selectable<CallsTable>, "ended" | "outcome_pending">): boolean =>
  row.ended !== null && row.outcome_pending === 0;

export interface Place {
  readonly id: string;
  /** What an attempt before at the same call has left there. */
  readonly before?: Cdr;
  /** There is a record there already. */
  readonly taken: boolean;
}

/** Where the record of a lent call goes: to an id of its own, or behind what an attempt before it has left. */
export async function placeFor(db: Db, cdr: Cdr, owner: string): Promise<Place> {
  let last: Cdr | undefined;
  for (let nth = 1; ; nth++) {
    const id = nth === 1 ? cdr.id : `${cdr.id}-${nth}`;
    const before = await findCall(db, id);
    if (!before) {
      // The dialplan offers a call again when nobody told it what comes next. Whatever stands there, it is one call, with one record.
      if (last && cdr.attempt > last.attempt) return { id: last.id, before: last, taken: true };
      return { id, taken: false };
    }
    const row = await db.selectFrom("calls").select("owner").where("id", "=", id).executeTakeFirst();
    // Written by a thread of this process that has died since.
    if (row?.owner === owner && before.started === cdr.started) return { id, taken: true };
    last = before;
  }
}

/** Takes over the record of an attempt before. */
export async function takeOver(db: Db, id: string, owner: string): Promise<void> {
  await db.updateTable("calls").set({ owner }).where("id", "=", id).execute();
}

/** One record of two attempts at the same call. */
export function continued(before: Cdr, own: Cdr): Cdr {
  const laterMs = Math.max(0, Date.parse(own.started) - Date.parse(before.started));
  // The clock was put back between the two: what came second stays second.
  const earlierMs = Math.max(0, Date.parse(before.started) - Date.parse(own.started));
  const moved = (at: string | null): string | null =>
    at === null || earlierMs === 0 ? at : new Date(Date.parse(at) + earlierMs).toISOString();
  const turns = own.turns.map((turn) => ({
    ...turn,
    callerMs: turn.callerMs + laterMs,
    agentMs: turn.agentMs === null ? null : turn.agentMs + laterMs,
  }));
  return {
    ...own,
    id: before.id,
    started: before.started,
    answered: before.answered ?? moved(own.answered),
    ended: moved(own.ended),
    turns: [...before.turns, ...turns],
    keys: before.keys + own.keys,
    notes: [...before.notes, ...own.notes],
    recording: own.recording ?? before.recording,
    fallbacks: [...before.fallbacks.filter((reason) => reason !== LOST), LOST, ...own.fallbacks],
    usage: [...before.usage, ...own.usage],
    outcome: own.outcome ?? before.outcome,
  };
}

/** What becomes of a call whose process died: the dialplan has it, in the menu. */
export const LOST = "lost";

export interface CallFilter {
  /** ISO 8601. */
  readonly since?: string;
  /** As on record, or any part of it from the end. */
  readonly number?: string;
  readonly agent?: string;
  readonly limit: number;
  /** Those before this one, in the order of the list. */
  readonly after?: Pick<Cdr, "started" | "id">;
}

/** The newest first, with their turns. */
export async function listCalls(db: Db, { since, number, agent, limit, after }: CallFilter): Promise<Cdr[]> {
  let query = db.selectFrom("calls").selectAll().orderBy("started", "desc").orderBy("id", "desc").limit(limit);
  if (since !== undefined) query = query.where("started", ">=", since);
  if (agent !== undefined) query = query.where("agent", "=", agent);
  if (number !== undefined) {
    const ending = `%${number.replaceAll(/[\\%_]/g, "\\$&")}`;
    query = query.where(({ or, eb, val }) =>
      or(
        (["from_number", "to_number", "did"] as const).map((column) =>
          eb(eb.fn<number>("like", [val(ending), eb.ref(column), val("\\")]), "=", 1),
        ),
      ),
    );
  }
  if (after) {
    query = query.where(({ or, and, eb }) =>
      or([eb("started", "<", after.started), and([eb("started", "=", after.started), eb("id", "<", after.id)])]),
    );
  }
  return await withTurns(db, await query.execute());
}

export async function findCall(db: Db, id: string): Promise<Cdr | undefined> {
  const [found] = await withTurns(db, await db.selectFrom("calls").selectAll().where("id", "=", id).execute());
  return found;
}

export async function withTurns(db: Db, rows: readonly Selectable<CallsTable>[]): Promise<Cdr[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const turns = await db
    .selectFrom("turns")
    .selectAll()
    .where("call", "in", ids)
    .orderBy("call")
    .orderBy("place")
    .execute();
  const byCall = Map.groupBy(turns, ({ call }) => call);
  return rows.map((row) => cdrOf(row, byCall.get(row.id) ?? []));
}

async function insertTurn(db: Db, call: string, place: number, turn: CdrTurn): Promise<void> {
  const { caller, agent, heard, ...facts } = turn;
  await db
    .insertInto("turns")
    .values({ call, place, caller, agent, heard, facts: JSON.stringify(facts) })
    .execute();
}

function rowOf(cdr: Cdr, owner: string): Insertable<CallsTable> {
  const { id, engine, direction, did, diversion, trunk, agent, language, codec, attempt, started, answered, ended } =
    cdr;
  return {
    ...{ id, engine, direction, did, diversion, trunk, agent, language, codec, attempt, started, answered, ended },
    from_number: cdr.from,
    from_name: cdr.fromName,
    to_number: cdr.to,
    keys: cdr.keys,
    notes: JSON.stringify(cdr.notes),
    recording_path: cdr.recording?.path ?? null,
    recording: cdr.recording && JSON.stringify({ consent: cdr.recording.consent, pauses: cdr.recording.pauses }),
    hangup_cause: cdr.hangupCause,
    next: cdr.next && JSON.stringify(cdr.next),
    fallbacks: JSON.stringify(cdr.fallbacks),
    usage: JSON.stringify(cdr.usage),
    outcome: cdr.outcome && JSON.stringify(cdr.outcome),
    outcome_pending: cdr.outcome?.state === "pending" ? 1 : 0,
    webhook: cdr.webhook,
    words: cdr.words ? 1 : 0,
    owner,
    line: 0,
  };
}

function cdrOf(row: Selectable<CallsTable>, turns: readonly Selectable<TurnsTable>[]): Cdr {
  const { id, engine, did, diversion, trunk, agent, language, codec, attempt, started, answered, ended, keys } = row;
  const recording =
    row.recording === null
      ? null
      : { ...(JSON.parse(row.recording) as Omit<CdrRecording, "path">), path: row.recording_path };
  return {
    ...{ id, engine, direction: row.direction as Cdr["direction"] },
    ...{ from: row.from_number, fromName: row.from_name, to: row.to_number, did, diversion, trunk },
    ...{ agent, language, codec, attempt, started, answered, ended },
    turns: turns.map(turnOf),
    keys,
    notes: JSON.parse(row.notes) as string[],
    recording,
    hangupCause: row.hangup_cause as Cdr["hangupCause"],
    next: row.next === null ? null : (JSON.parse(row.next) as Cdr["next"]),
    fallbacks: JSON.parse(row.fallbacks) as string[],
    usage: JSON.parse(row.usage) as Cdr["usage"],
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as Cdr["outcome"]),
    webhook: row.webhook,
    words: row.words === 1,
  };
}

function turnOf({ caller, agent, heard, facts }: Selectable<TurnsTable>): CdrTurn {
  return { ...(JSON.parse(facts) as Omit<CdrTurn, "caller" | "agent" | "heard">), caller, agent, heard };
}
