import { join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { withDeadline, withinBeats } from "../base/signals.ts";
import { type CallJournal, type Claim, type CourseWriter, courseOf, type JournalledCall } from "../call/journal.ts";
import { expireRegularly } from "./expiry.ts";
import { type JournalDisk, realDisk } from "./journal-disk.ts";
import { type Fsync, JournalFile, type JournalFileOptions } from "./journal-file.ts";
import { JournalLines } from "./journal-lines.ts";

export interface JournalFolderOptions {
  readonly dir: string;
  readonly fsync: Fsync;
  /** Seals what is written. Absent: it stands there in the clear, for the service's user alone. */
  readonly secret: string | undefined;
  /** Default: this machine's. */
  readonly disk?: JournalDisk;
  readonly clock: Clock;
  readonly log: Log;
  /** Something could not be written, or not be read. */
  readonly onFailure: () => void;
}

/** A caller waits for it in silence. */
const CLAIM_MS = 400;
/** So does this one, and the dialplan with him: for half a second in all. */
const OFFER_MS = 100;
/** An offer is over by then; its name never comes again. */
const OFFER_KEPT_MS = 10_000;
const CLOSE_MS = 1000;
const RETRY_MS = 1000;
const LOG_EVERY_MS = 60_000;
/** Nobody goes on with a call whose last word is so old. */
const STALE_MS = 3_600_000;

/**
 * The courses of calls as files: `<engine>-<call>.1.jsonl`, `.2` for whoever goes on with it, and `.3` for whoever goes on with a call
 * that was shaken off then. To make it is to claim the call: the file system lets one alone do it. Nobody waits for the disk.
 */
export class JournalFolder implements CallJournal {
  readonly #options: JournalFolderOptions;
  readonly #disk: JournalDisk;
  readonly #lines: JournalLines;
  readonly #dirty = new Set<JournalFile>();
  /** Of calls that are up. */
  readonly #open = new Set<JournalFile>();
  readonly #expiry: Timer;
  #working: Promise<void> | undefined;
  #retry: Timer | undefined;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #made: Promise<unknown> | undefined;

  constructor(options: JournalFolderOptions) {
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    this.#lines = new JournalLines(options.secret);
    this.#expiry = expireRegularly(options, () => void this.removeStale().catch((error) => this.#failed(error)));
    // The first call finds it there. What is wrong with it is told by whoever writes.
    this.#made = this.#disk.makeFolder(options.dir);
    this.#made.catch(() => {});
  }

  begin(call: JournalledCall, agent: string): CourseWriter {
    const [path, ...stale] = this.#pathsOf(call);
    const file = new JournalFile(this.#fileOptions(path, { stale, older: [] }), beganOf(call, agent));
    this.#wake(file);
    return file;
  }

  claim(call: JournalledCall): Promise<Claim> {
    return this.#inTime(() => this.#claim(call));
  }

  takeBack(call: JournalledCall): Promise<Claim> {
    return this.#inTime(() => this.#takeBack(call));
  }

  /**
   * Several hosts hear of the same offered call: whether this one may connect to it. Where no other host shares the journal, or it does
   * not answer in time, the PBX has to decide. Never rejects.
   */
  async takeOffer(offer: string): Promise<boolean> {
    const disk = this.#disk;
    if (!disk.reserve) return true;
    const reserved = async (): Promise<boolean> => (await disk.reserve?.(`offer:${offer}`, OFFER_KEPT_MS)) ?? true;
    try {
      const { clock } = this.#options;
      return await withinBeats(reserved, { clock, ms: OFFER_MS, message: "the journal did not answer" });
    } catch (error) {
      this.#failed(error);
      return true;
    }
  }

  forget(call: Pick<JournalledCall, "id" | "engine">): void {
    for (const path of this.#pathsOf(call)) this.#disk.remove(path).catch((error: unknown) => this.#failed(error));
  }

  /** Removes what nobody will go on with. */
  async removeStale(): Promise<void> {
    const { dir, clock } = this.#options;
    if (this.#disk.expires) return;
    for (const name of await journalsIn(dir, this.#disk)) {
      const file = join(dir, name);
      const changedAt = (await this.#disk.changedAt(file)) ?? Number.POSITIVE_INFINITY;
      if (clock.wall() - changedAt > STALE_MS) await this.#disk.remove(file);
    }
  }

  /** Resolves when the disk has all, or does not take it. */
  async close(): Promise<void> {
    this.#expiry.cancel();
    this.#retry?.cancel();
    const { clock } = this.#options;
    const message = "the disk does not take the journal";
    await withDeadline(() => this.#working ?? Promise.resolve(), { clock, ms: CLOSE_MS, message }).catch(
      (error: unknown) => this.#failed(error),
    );
    for (const file of this.#open) await file.close().catch((error: unknown) => this.#failed(error));
    this.#open.clear();
    await this.#disk.close?.();
  }

  /** What the disk does not say in time is not known. */
  async #inTime(ask: () => Promise<Claim>): Promise<Claim> {
    const { clock } = this.#options;
    try {
      return await withinBeats(ask, { clock, ms: CLAIM_MS, message: "the journal did not answer" });
    } catch (error) {
      this.#failed(error);
      return { type: "none" };
    }
  }

  async #claim(call: JournalledCall): Promise<Claim> {
    const paths = this.#pathsOf(call);
    const at = call.shaken ? 2 : 1;
    const older = paths.slice(0, at);
    const last = await this.#lastOf(older);
    if (!last) return { type: "none" };
    const own = paths[at] as string;
    const handle = await this.#disk.create(own);
    if (!handle) return { type: "refused" };
    const read = this.#lines.read(last.text, nameIn(last.path));
    if (!read) {
      await handle.close();
      throw new Error("a journal cannot be read: was it written with another key?");
    }
    const { began, events } = read;
    const file = new JournalFile(this.#fileOptions(own, { stale: [], older }), began, events, handle);
    this.#wake(file);
    return { type: "mine", course: courseOf(began.agent, events), writer: file };
  }

  /** The last of these that has a whole line. Whoever began one and died before that has left as good as none. */
  async #lastOf(paths: readonly string[]): Promise<{ path: string; text: string } | undefined> {
    for (const path of paths.toReversed()) {
      const text = await this.#disk.read(path);
      if (text?.includes("\n")) return { path, text };
    }
    return undefined;
  }

  /** The last of its files, as whoever parked the call has left it. Its events begin a new first one. */
  async #takeBack(call: JournalledCall): Promise<Claim> {
    const paths = this.#pathsOf(call);
    const [first, ...stale] = paths;
    for (const path of paths.toReversed()) {
      const text = await this.#disk.read(path);
      const read = text === undefined ? undefined : this.#lines.read(text, nameIn(path));
      if (!read) continue;
      const { began } = read;
      // The conversation that was over goes on: nobody is to be passed on once more for its old end.
      const events = read.events.filter(({ type }) => type !== "left");
      const file = new JournalFile(this.#fileOptions(first, { stale, older: [] }), began, events);
      this.#wake(file);
      return { type: "mine", course: courseOf(began.agent, events), writer: file };
    }
    return { type: "none" };
  }

  #pathsOf({ engine, id }: Pick<JournalledCall, "id" | "engine">): readonly [string, string, string] {
    // Ids are the PBX's; whatever is none stays in its folder.
    const stem = join(this.#options.dir, `${engine}-${encodeURIComponent(id).slice(0, 150)}`);
    return [`${stem}.1.jsonl`, `${stem}.2.jsonl`, `${stem}.3.jsonl`];
  }

  #fileOptions(path: string, others: Pick<JournalFileOptions, "stale" | "older">) {
    const { fsync, clock } = this.#options;
    const onLost = (): void => this.#failed(new Error("too much is to be written of one call"));
    return {
      disk: this.#disk,
      clock,
      path,
      ...others,
      lines: this.#lines,
      fsync,
      wake: (file: JournalFile) => this.#wake(file),
      onLost,
    };
  }

  #wake(file: JournalFile): void {
    this.#dirty.add(file);
    if (file.over || file.parked) this.#open.delete(file);
    else this.#open.add(file);
    if (this.#retry) return;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // Somebody may have come in the moment between the last look and this one.
      for (const waiting of this.#dirty) this.#wake(waiting);
    });
  }

  /** One after the other: a disk that hangs holds up one of the process's few threads for files, and no more. A server takes more at once. */
  async #work(): Promise<void> {
    const { lanes = 1 } = this.#disk;
    while (this.#dirty.size > 0) {
      const files = [...this.#dirty].slice(0, lanes);
      const done = await Promise.all(files.map((file) => this.#workOn(file)));
      if (!done.every(Boolean)) return;
    }
  }

  /** Whether the disk took it; else it is tried again later. */
  async #workOn(file: JournalFile): Promise<boolean> {
    const { clock, dir } = this.#options;
    this.#dirty.delete(file);
    try {
      this.#made ??= this.#disk.makeFolder(dir);
      await this.#made;
      await file.work();
      return true;
    } catch (error) {
      this.#made = undefined;
      this.#failed(error);
      this.#dirty.add(file);
      this.#retry ??= clock.after(this.#disk.retryMs ?? RETRY_MS, () => {
        this.#retry = undefined;
        for (const waiting of this.#dirty) this.#wake(waiting);
      });
      return false;
    }
  }

  #failed(error: unknown): void {
    const { clock, log, onFailure, dir } = this.#options;
    onFailure();
    if (clock.now() - this.#loggedMs < LOG_EVERY_MS) return;
    this.#loggedMs = clock.now();
    log.error(
      { dir, reason: messageOf(error) },
      "the journal of calls fails; calls go on, but may not outlive a worker",
    );
  }
}

/** The names of all journals there are. */
export async function journalsIn(dir: string, disk: Pick<JournalDisk, "list"> = realDisk): Promise<string[]> {
  return (await disk.list(dir)).filter((name) => name.endsWith(".jsonl"));
}

const nameIn = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export const beganOf = ({ direction, from, to }: JournalledCall, agent: string) => ({
  version: 1 as const,
  agent,
  party: direction === "outbound" ? to : from,
});
