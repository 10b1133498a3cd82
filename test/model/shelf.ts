import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { type Database, openDatabase } from "../../src/store/database.ts";

/** In memory, where the machine has such a folder: a million runs are no business of a disk's. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Databases that many runs share: each run's calls have names of their own. */
export class Shelf implements Disposable {
  static readonly #RUNS = 25;
  #dir = "";
  #database: Database | undefined;
  #runs = 0;

  async get(): Promise<{ dir: string; database: Database }> {
    if (!this.#database || this.#runs++ >= Shelf.#RUNS) {
      this[Symbol.dispose]();
      this.#dir = mkdtempSync(join(MEMORY, "sidetone-model-"));
      this.#database = openDatabase(this.#dir);
      // No run needs what one before it has written to outlive a power failure.
      for (const wish of [
        "locking_mode = EXCLUSIVE",
        "journal_mode = MEMORY",
        "synchronous = OFF",
        "secure_delete = OFF",
      ])
        await sql.raw(`PRAGMA ${wish}`).execute(this.#database.db);
      this.#runs = 1;
    }
    return { dir: this.#dir, database: this.#database };
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#database = undefined;
    if (this.#dir !== "") rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = "";
  }
}
