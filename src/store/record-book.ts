import { type Cdr, type CdrChange, type CdrTurn, isComplete } from "../call/cdr.ts";
import type { Remembered } from "../call/memory.ts";
import { continued, type Place, placeFor, saveCall, saveProgress, takeOver } from "./calls.ts";
import { type Database, isCorrupt, openDatabase, setAside } from "./database.ts";
import { removeLine, writeLine, writeMissingLines } from "./lines.ts";
import { closeLost } from "./lost.ts";
import { recall, remember } from "./memories.ts";
import { type ClaimOptions, type Claims, claim, type Settled, settle } from "./outbox.ts";
import { type Expired, expire, type KeepDays } from "./retention.ts";

export interface RecordBookOptions {
  readonly dir: string;
  /** Whose the open records are. */
  readonly owner: string;
  /** Whether the process of another owner still runs. Default: the kernel is asked. */
  readonly isAlive?: (owner: string) => boolean;
  /** Default: the file in `dir`. */
  readonly open?: (dir: string) => Database;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  /** A broken database was renamed to this, and a new one is used. */
  readonly onSetAside: (file: string) => void;
  /** The record of a call is lost: too many others wait for the disk. */
  readonly onDropped: () => void;
}

/** A call's record in memory, until the disk has the last of it. */
interface Held {
  /** What this process knows of the call. */
  own: Cdr;
  /** Where it goes, once that is known. */
  place: Place | undefined;
  /** The disk has all that was before the change at hand. */
  saved: boolean;
}

/** Complete records that wait for a disk which does not take them. */
const WAITING_MAX = 1000;
const DAY_MS = 86_400_000;

/**
 * Keeps the records of the calls that are up, and writes them as they grow. What the disk does not take now is kept and
 * written with the next that it takes. One thing at a time: nobody calls before the last promise has settled.
 */
export class RecordBook {
  readonly #options: RecordBookOptions;
  readonly #held = new Map<number, Held>();
  #database: Database | undefined;

  constructor(options: RecordBookOptions) {
    this.#options = options;
  }

  /** Records that the disk does not have, or not all of. */
  get waiting(): number {
    return [...this.#held.values()].filter(({ saved }) => !saved).length;
  }

  /** The whole of a record, at its beginning or when parts of it were left out. */
  async open(handle: number, own: Cdr): Promise<void> {
    this.#held.set(handle, { own, place: this.#held.get(handle)?.place, saved: false });
    await this.#writing(() => this.#catchUp());
  }

  /** A record that was opened before is changed; rejects when the disk did not take it, and keeps it. */
  async change(handle: number, change: CdrChange, turn?: CdrTurn): Promise<void> {
    const held = this.#held.get(handle);
    if (!held) return;
    held.own = { ...held.own, ...change, turns: turn ? [...held.own.turns, turn] : held.own.turns };
    let first = true;
    try {
      await this.#writing(async (database) => {
        // Where the database is the one that has the rest, what is new is enough.
        const enough = first && held.saved;
        first = false;
        held.saved = false;
        if (enough) await this.#progress(database, held, turn);
        await this.#catchUp();
      });
    } catch (error) {
      held.saved = false;
      throw error;
    } finally {
      this.#forget();
    }
  }

  /** Writes what the disk did not take before. */
  async retry(): Promise<void> {
    await this.#writing(async ({ db }) => {
      await this.#catchUp();
      const { dir, owner, isAlive } = this.#options;
      await writeMissingLines(db, dir, { mine: owner, ...(isAlive && { isAlive }) });
    });
  }

  async closeLost(): Promise<number> {
    const { dir, wall, isAlive } = this.#options;
    return await this.#writing(({ db }) => closeLost(db, dir, new Date(wall()).toISOString(), isAlive));
  }

  async expire(keepDays: KeepDays, pause: () => Promise<void>): Promise<Expired> {
    const { dir, wall } = this.#options;
    return await this.#writing(({ db }) => expire(db, dir, { keepDays, nowMs: wall(), pause }));
  }

  /** The messages that are to be delivered now. */
  async claim(options: Omit<ClaimOptions, "owner" | "nowMs">): Promise<Claims> {
    const { owner, wall } = this.#options;
    return await this.#writing(({ db }) => claim(db, { ...options, owner, nowMs: wall() }));
  }

  async settle(seq: number, settled: Settled): Promise<void> {
    await this.#writing(({ db }) => settle(db, seq, settled));
  }

  async remember({ number, agent, text }: { number: string; agent: string; text: string }): Promise<void> {
    const at = new Date(this.#options.wall()).toISOString();
    await this.#writing(({ db }) => remember(db, { number, agent, text, at }));
  }

  async recall({ number, days }: { number: string; days: number }): Promise<readonly Remembered[]> {
    const since = new Date(this.#options.wall() - days * DAY_MS).toISOString();
    return await this.#writing(({ db }) => recall(db, number, since));
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  async #progress({ db }: Database, held: Held, turn: CdrTurn | undefined): Promise<void> {
    const { owner } = this.#options;
    const cdr = recordOf(held);
    await saveProgress(db, cdr, owner, { appended: turn !== undefined });
    held.saved = true;
    if (isComplete(cdr)) await writeLine(db, this.#options.dir, cdr.id);
  }

  async #catchUp(): Promise<void> {
    for (const held of this.#held.values()) if (!held.saved) await this.#save(this.#opened(), held);
    this.#forget();
  }

  async #save({ db }: Database, held: Held): Promise<void> {
    const { dir, owner } = this.#options;
    if (!held.place) {
      held.place = await placeFor(db, held.own, owner);
      if (held.place.taken) {
        // What its line tells, if there is one, is no longer true.
        await removeLine(db, dir, held.place.id);
        await takeOver(db, held.place.id, owner);
      }
    }
    const cdr = recordOf(held);
    await saveCall(db, cdr, owner);
    held.saved = true;
    if (isComplete(cdr)) await writeLine(db, dir, cdr.id);
  }

  /** What is complete and written needs no memory; of what waits for the disk, the oldest are given up in the end. */
  #forget(): void {
    for (const [handle, { own, saved }] of this.#held) if (saved && isComplete(own)) this.#held.delete(handle);
    const complete = [...this.#held].filter(([, { own }]) => isComplete(own));
    for (const [handle] of complete.slice(0, Math.max(0, complete.length - WAITING_MAX))) {
      this.#held.delete(handle);
      this.#options.onDropped();
    }
  }

  /** Runs it on the database that is at its path now; on a new one, where that is broken. */
  async #writing<T>(work: (database: Database) => Promise<T>): Promise<T> {
    try {
      return await work(this.#opened());
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.close();
      const { dir, wall, onSetAside } = this.#options;
      onSetAside(setAside(dir, new Date(wall()).toISOString()));
      const database = this.#opened();
      // What was wanted may have been done by half; what counts is that the new one has all that is in memory.
      await this.#catchUp();
      return await work(database);
    }
  }

  #opened(): Database {
    if (this.#database?.current) return this.#database;
    const { dir } = this.#options;
    this.close();
    // Another file than before: none of what is up stands in it.
    for (const held of this.#held.values()) held.saved = false;
    this.#database = (this.#options.open ?? openDatabase)(dir);
    return this.#database;
  }
}

const recordOf = ({ own, place }: Held): Cdr => {
  if (!place) return own;
  return place.before ? continued(place.before, own) : { ...own, id: place.id };
};
