import { basename } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { CourseEvent, CourseWriter } from "../call/journal.ts";
import type { DiskFile, JournalDisk } from "./journal-disk.ts";
import type { Began, JournalLines } from "./journal-lines.ts";

/** When the disk is made to have it: a killed worker loses nothing without, a power failure may take the last seconds. */
export type Fsync = "never" | "turn" | "always";

/** A call that needs more has gone wrong; what it says is no longer written. */
const FILE_BYTES = 1024 * 1024;
/** What may wait for a disk that does not take it. */
const WAITING_BYTES = 128 * 1024;
const TEXT_MAX = 20_000;
/** So long somebody waits for a slow disk who wants to be sure. */
const KEPT_MS = 250;

export interface JournalFileOptions {
  readonly disk: JournalDisk;
  readonly clock: Clock;
  readonly path: string;
  /** What is left of a call before, and is removed before this one is made. */
  readonly stale: readonly string[];
  /** What this one goes on from: removed with it. */
  readonly older: readonly string[];
  readonly lines: JournalLines;
  readonly fsync: Fsync;
  /** There is something to do: `work` wants to be called. */
  readonly wake: (file: JournalFile) => void;
  /** Something of this call is not written, and nothing more will be. */
  readonly onLost: () => void;
}

/** One call's journal, from its first line to its removal. */
export class JournalFile implements CourseWriter {
  readonly #options: JournalFileOptions;
  #handle: DiskFile | undefined;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #count = 0;
  #sync = false;
  #over = false;
  readonly #keepers = new Set<() => void>();
  /** Told when all is on the disk, and the file is let go. */
  #parking: (() => void) | undefined;

  constructor(options: JournalFileOptions, began: Began, events: readonly CourseEvent[] = [], handle?: DiskFile) {
    this.#options = options;
    this.#handle = handle;
    this.#add(began);
    for (const event of events) this.#add(event);
  }

  write(event: CourseEvent): void {
    if (this.#over || this.#parking) return;
    this.#add(short(event));
    const { fsync, wake } = this.#options;
    this.#sync ||= fsync === "always" || (fsync === "turn" && event.type === "heard");
    // Half a course is worse than none: whoever goes on would say again what was said long ago.
    if (this.#waitingBytes > WAITING_BYTES || this.#bytes + this.#waitingBytes > FILE_BYTES) this.#lose();
    wake(this);
  }

  kept(): Promise<void> {
    if (this.#over || this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        late.cancel();
        this.#keepers.delete(done);
        resolve();
      };
      const late = this.#options.clock.after(KEPT_MS, done);
      this.#keepers.add(done);
    });
  }

  end(): void {
    // What is parked is left as it is.
    if (this.#parking) return;
    this.#over = true;
    this.#waiting = [];
    this.#options.wake(this);
  }

  park(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#over || this.#parking) return resolve();
      this.#parking = resolve;
      this.#options.wake(this);
    });
  }

  /** Lets go of the file, and leaves it as it is. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** Nothing more will come. */
  get over(): boolean {
    return this.#over;
  }

  get parked(): boolean {
    return this.#parking !== undefined;
  }

  /** Brings file and memory together. Rejects when the disk did not take it; nothing is lost then. One at a time. */
  async work(): Promise<void> {
    const { disk, path, older } = this.#options;
    if (this.#over) {
      await this.close();
      for (const file of [path, ...older]) await disk.remove(file);
      this.#kept();
      return;
    }
    if (this.#waiting.length === 0) return this.#parked();
    this.#handle ??= await this.#create();
    // More of them may come while the disk is at work: these are a copy.
    const [lines, sync] = [[...this.#waiting], this.#sync];
    const text = Buffer.from(lines.join(""));
    // A disk that was full may have taken half a line: written again, in the same place.
    if ((await this.#handle.write(text, this.#bytes)) < text.length)
      throw Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
    this.#bytes += text.length;
    this.#waiting = this.#waiting.slice(lines.length);
    this.#waitingBytes -= text.length;
    if (sync) {
      this.#sync = false;
      await this.#handle?.sync();
    }
    if (this.#waiting.length === 0) this.#kept();
    await this.#parked();
  }

  async #parked(): Promise<void> {
    if (!this.#parking || this.#waiting.length > 0) return;
    await this.close();
    this.#parking();
  }

  #kept(): void {
    for (const keeper of [...this.#keepers]) keeper();
  }

  /** In as few turns of the disk as can be: a worker that dies before the first line is written leaves a call of which nothing is known. */
  async #create(): Promise<DiskFile> {
    // The dialplan lends a call that it got back as a new one: what was written of the one before is over.
    const { disk, path, stale } = this.#options;
    const [made] = await Promise.all([disk.create(path), ...stale.map((file) => disk.remove(file))]);
    if (made) return made;
    await disk.remove(path);
    const handle = await disk.create(path);
    if (!handle) throw Object.assign(new Error("somebody else writes this journal"), { code: "EEXIST" });
    return handle;
  }

  #add(value: Began | CourseEvent): void {
    const line = this.#options.lines.lineOf(value, basename(this.#options.path), this.#count++);
    this.#waiting.push(line);
    this.#waitingBytes += Buffer.byteLength(line);
  }

  #lose(): void {
    this.#over = true;
    this.#waiting = [];
    this.#options.onLost();
  }
}

function short(event: CourseEvent): CourseEvent {
  if ("text" in event) return { ...event, text: event.text.slice(0, TEXT_MAX) };
  return event.type === "tool" ? { ...event, result: event.result.slice(0, TEXT_MAX) } : event;
}
