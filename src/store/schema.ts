import type { DatabaseSync } from "node:sqlite";
import type { Generated } from "kysely";
import { OutsideError } from "../base/errors.ts";

/** One row a call. Lists and objects are JSON; moments are ISO 8601 in UTC, so that they sort as text. */
export interface CallsTable {
  id: string;
  engine: string;
  direction: string;
  from_number: string;
  from_name: string;
  to_number: string;
  did: string;
  diversion: string;
  trunk: string;
  agent: string;
  language: string;
  codec: string;
  attempt: number;
  started: string;
  answered: string | null;
  ended: string | null;
  keys: string;
  notes: string;
  /** Apart from the other facts: a file that must not be forgotten hangs on it. */
  recording_path: string | null;
  recording: string | null;
  hangup_cause: string | null;
  next: string | null;
  fallbacks: string;
  usage: string;
  outcome: string | null;
  /** 1 while the outcome is being filled. */
  outcome_pending: number;
  webhook: string;
  words: number;
  /** The process that has the call; see owner.ts. */
  owner: string;
  /** 1 when the record stands among the lines, too. */
  line: number;
}

export interface TurnsTable {
  call: string;
  place: number;
  caller: string;
  agent: string;
  heard: string;
  /** What is no word: times, latencies, interruption, tools. */
  facts: string;
}

/** What other systems are still to be told; see outbox.ts. Moments are milliseconds since 1970. */
export interface OutboxTable {
  seq: Generated<number>;
  id: string;
  call: string;
  webhook: string;
  created: number;
  due: number;
  attempts: number;
  refused: number;
  leased_by: string;
  leased_until: number;
}

/** What was noted of callers, for their next call. */
export interface MemoriesTable {
  id: Generated<number>;
  /** In its one form; see call/number.ts. */
  number: string;
  agent: string;
  text: string;
  at: string;
}

export interface Tables {
  calls: CallsTable;
  memories: MemoriesTable;
  turns: TurnsTable;
  outbox: OutboxTable;
}

/** Only ever added to: a database is brought from any earlier one to the last. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE calls (
    id TEXT PRIMARY KEY NOT NULL,
    engine TEXT NOT NULL,
    direction TEXT NOT NULL,
    from_number TEXT NOT NULL,
    from_name TEXT NOT NULL,
    to_number TEXT NOT NULL,
    did TEXT NOT NULL,
    diversion TEXT NOT NULL,
    trunk TEXT NOT NULL,
    agent TEXT NOT NULL,
    language TEXT NOT NULL,
    codec TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    started TEXT NOT NULL,
    answered TEXT,
    ended TEXT,
    keys TEXT NOT NULL,
    notes TEXT NOT NULL,
    recording_path TEXT,
    recording TEXT,
    hangup_cause TEXT,
    next TEXT,
    fallbacks TEXT NOT NULL,
    words INTEGER NOT NULL,
    owner TEXT NOT NULL,
    line INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX calls_by_start ON calls (started);
  CREATE INDEX calls_by_number ON calls (from_number);
  CREATE INDEX calls_unfinished ON calls (id) WHERE ended IS NULL OR line = 0;
  CREATE TABLE turns (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    caller TEXT NOT NULL,
    agent TEXT NOT NULL,
    heard TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (call, place)
  ) WITHOUT ROWID;`,
  "ALTER TABLE calls ADD COLUMN usage TEXT NOT NULL DEFAULT '[]'",
  `ALTER TABLE calls ADD COLUMN outcome TEXT;
  ALTER TABLE calls ADD COLUMN outcome_pending INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN webhook TEXT NOT NULL DEFAULT '';
  CREATE INDEX calls_pending ON calls (id) WHERE outcome_pending = 1;
  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    webhook TEXT NOT NULL,
    created INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    leased_by TEXT NOT NULL,
    leased_until INTEGER NOT NULL
  );
  CREATE INDEX outbox_by_webhook ON outbox (webhook, seq);
  CREATE INDEX outbox_by_call ON outbox (call);`,
  `CREATE TABLE memories (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL,
    agent TEXT NOT NULL,
    text TEXT NOT NULL,
    at TEXT NOT NULL
  );
  CREATE INDEX memories_by_number ON memories (number, id);`,
];

/** Brings the database to the last schema. Two processes may do it at once: the second finds it done. Throws an OutsideError "newer" for one from a later version. */
export function migrate(database: DatabaseSync): void {
  if (versionOf(database) === MIGRATIONS.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = versionOf(database);
    if (version > MIGRATIONS.length) throw tooNew();
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** For readers, who change nothing. */
export function assertCurrent(database: DatabaseSync): void {
  const version = versionOf(database);
  if (version > MIGRATIONS.length) throw tooNew();
  if (version < MIGRATIONS.length)
    throw new OutsideError(
      "older",
      "The records are those of an earlier version. Start the service once: it brings them up to date.",
    );
}

const versionOf = (database: DatabaseSync): number =>
  Number(Object.values(database.prepare("PRAGMA user_version").get() ?? {})[0] ?? 0);

const tooNew = (): OutsideError =>
  new OutsideError(
    "newer",
    "The records were written by a newer version of Sidetone, and this one does not know them.",
  );
