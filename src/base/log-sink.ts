import { write, writeSync } from "node:fs";

/** Where a log's lines go. */
export interface LogSink {
  write(line: string): void;
  /** Hears of every time that lines were not taken. */
  onFailure: () => void;
}

/** So much of a log waits for whoever does not take it; then the newest lines are lost. */
const WAITING_BYTES = 1024 * 1024;
const STANDARD_ERROR = 2;

/** A log on standard error, to whose end the process writes what is left. */
export function standardError(): LogSink {
  const sink = new FileSink(STANDARD_ERROR);
  process.on("exit", () => sink.flush());
  return sink;
}

/**
 * A log in an open file, or a pipe. Nobody waits for it: where the disk is full, or the reader hangs, calls go on, and what was
 * not taken is tried again with the next line. (Pino's own ends the process at the first error, or never ends to try again.)
 */
export class FileSink implements LogSink {
  onFailure: () => void = () => {};
  readonly #fd: number;
  /** What is being written, or was not taken. */
  #now: Uint8Array = new Uint8Array(0);
  #next: string[] = [];
  #nextBytes = 0;
  #writing = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#now.length + this.#nextBytes + bytes > WAITING_BYTES) {
      this.onFailure();
      return;
    }
    this.#next.push(line);
    this.#nextBytes += bytes;
    if (!this.#writing) this.#write();
  }

  /** Once, and without waiting: for the end of the process. What is on its way arrives by itself. */
  flush(): void {
    try {
      if (this.#writing) this.#now = new Uint8Array(0);
      for (this.#take(); this.#now.length > 0; this.#take())
        this.#now = this.#now.subarray(writeSync(this.#fd, this.#now));
    } catch {
      this.onFailure();
    }
  }

  #take(): void {
    if (this.#now.length > 0) return;
    this.#now = Buffer.from(this.#next.join(""));
    this.#next = [];
    this.#nextBytes = 0;
  }

  #write(): void {
    this.#take();
    if (this.#now.length === 0) return;
    this.#writing = true;
    write(this.#fd, this.#now, (error, taken) => {
      this.#writing = false;
      if (error) this.onFailure();
      else {
        this.#now = this.#now.subarray(taken);
        this.#write();
      }
    });
  }
}
