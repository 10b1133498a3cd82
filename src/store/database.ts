import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import { codeOf } from "../base/errors.ts";
import { assertCurrent, migrate, type Tables } from "./schema.ts";

/** An open database. */
export interface Database {
  readonly db: Kysely<Tables>;
  readonly file: string;
  /** Whether the file at its path is still the one that is open: another process may have set it aside. */
  readonly current: boolean;
  /** Writes what the log of changes holds into the database and empties it, so that what was removed is gone. */
  checkpoint(): void;
  close(): void;
}

export const databaseFile = (dir: string): string => join(dir, "calls.db");

/** So long one process waits for another's write. */
const BUSY_MS = 5000;

/** Opens the database for writing; makes it, and the folder, where there is none. Throws what SQLite and the disk throw. */
export function openDatabase(dir: string): Database {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = databaseFile(dir);
  // SQLite gives its companions the mode of the database: whose words these are, only the service may read them.
  closeSync(openSync(file, "a", 0o600));
  chmodSync(file, 0o600);
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON",
    );
    migrate(database);
    return handle(database, file);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** For who only looks. Undefined: there is none yet. */
export function openReading(dir: string): Database | undefined {
  const file = databaseFile(dir);
  if (!statSync(file, { throwIfNoEntry: false })) return undefined;
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
  try {
    assertCurrent(database);
    return handle(database, file);
  } catch (error) {
    database.close();
    throw error;
  }
}

function handle(database: DatabaseSync, file: string): Database {
  const { ino } = statSync(file);
  return {
    db: new Kysely<Tables>({ dialect: nodeSqlite(database) }),
    file,
    get current() {
      return statSync(file, { throwIfNoEntry: false })?.ino === ino;
    },
    checkpoint() {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    },
    close() {
      if (database.isOpen) database.close();
    },
  };
}

interface Prepared {
  readonly statement: StatementSync;
  readonly reader: boolean;
}

const STATEMENTS = 100;

/** Kysely's dialect for SQLite, over the SQLite that Node brings along. A transaction of ours always writes, and says so at its start. */
function nodeSqlite(database: DatabaseSync): SqliteDialect {
  // The same few sentences come again with each call; to have them understood once is half of what they cost.
  const known = new Map<string, Prepared>();
  const prepared = (sql: string): Prepared => {
    const found = known.get(sql);
    if (found) return found;
    const statement = database.prepare(sql);
    const one = { statement, reader: statement.columns().length > 0 };
    if (known.size < STATEMENTS) known.set(sql, one);
    return one;
  };
  return new SqliteDialect({
    database: {
      prepare(sql) {
        const { statement, reader } = prepared(spoken(sql, database));
        return {
          reader,
          all: (values) => statement.all(...(values as null[])),
          run: (values) => statement.run(...(values as null[])),
          iterate: (values) => statement.iterate(...(values as null[])),
        };
      },
      close: () => database.close(),
    },
  });
}

/** A full disk ends a transaction by itself, and to end it once more would hide why (https://www.sqlite.org/lang_transaction.html). */
function spoken(sql: string, database: DatabaseSync): string {
  if (sql === "begin") return "begin immediate";
  return sql === "rollback" && !database.isTransaction ? "select 1 where 0" : sql;
}

// https://www.sqlite.org/rescode.html
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Whether the file itself is broken, so that no repetition helps. */
export function isCorrupt(error: unknown): boolean {
  if (codeOf(error) !== "ERR_SQLITE_ERROR" || typeof error !== "object" || error === null) return false;
  const errcode = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return errcode === CORRUPT || errcode === NOT_A_DATABASE;
}

/** Renames a broken database with its companions, and returns its new name: somebody may still want to read what is left of it. */
export function setAside(dir: string, at: string): string {
  const file = databaseFile(dir);
  const aside = `${file}.corrupt-${at.replaceAll(/[:.]/g, "-")}`;
  for (const suffix of ["-wal", "-shm", ""]) {
    try {
      renameSync(file + suffix, aside + suffix);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
  return aside;
}
