import { type Clock, sleepOn, type Timer } from "../../src/base/clock.ts";

interface Due {
  atMs: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

// Taken now, so that a test that replaces the globals does not stop the clock.
const nextMacrotask = setImmediate;

/** Lets everything that is only waiting for promises run until it waits for something else. */
export const settle = (): Promise<void> => new Promise((resolve) => nextMacrotask(resolve));

/** The same without a turn of the event loop, which costs more than most steps do: where nothing comes from outside. */
export const settleInside = (): Promise<void> =>
  new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));

/** Time that passes only when a test says so. Timers run in the order in which they fall due, those of one moment in the order in which they were set. */
export class VirtualClock implements Clock {
  readonly #startedAt: number;
  readonly #letRun: () => Promise<void>;
  #nowMs = 0;
  #jumpedMs = 0;
  #due: Due[] = [];

  /** `startedAt`: milliseconds since 1970 at the virtual start. */
  constructor({
    startedAt = Date.UTC(2026, 0, 5, 9),
    letRun = settle,
  }: { startedAt?: number; letRun?: () => Promise<void> } = {}) {
    this.#startedAt = startedAt;
    this.#letRun = letRun;
  }

  /** Timers that are set and neither fired nor cancelled: what a test leaves behind. */
  get pending(): number {
    return this.#due.length;
  }

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return this.#startedAt + this.#jumpedMs + this.#nowMs;
  }

  /** The wall clock is put forward, or back. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  after(ms: number, run: () => void): Timer {
    return this.#add({ atMs: this.#nowMs + Math.max(0, ms), everyMs: undefined, run });
  }

  every(ms: number, run: () => void): Timer {
    const everyMs = Math.max(1, ms);
    return this.#add({ atMs: this.#nowMs + everyMs, everyMs, run });
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** Lets `ms` pass, running what falls due at its own time, and promises in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#letRun();
    for (let next = this.#due[0]; next && next.atMs <= untilMs; next = this.#due[0]) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#fire(next);
      await this.#letRun();
    }
    this.#nowMs = untilMs;
  }

  /** As `advance`, without letting promises run: for code that lives in callbacks alone, where millions of steps are walked. */
  advanceSync(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let next = this.#due[0]; next && next.atMs <= untilMs; next = this.#due[0]) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#fire(next);
    }
    this.#nowMs = untilMs;
  }

  /** Time passes while the event loop is blocked: timers that fall due meanwhile run late, at the next `advance`. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  #fire(due: Due): void {
    this.#due.shift();
    if (due.everyMs !== undefined) {
      due.atMs = this.#nowMs + due.everyMs;
      this.#insert(due);
    }
    due.run();
  }

  #add(due: Due): Timer {
    this.#insert(due);
    return { cancel: () => this.#remove(due) };
  }

  #insert(due: Due): void {
    const place = this.#due.findLastIndex((other) => other.atMs <= due.atMs);
    this.#due.splice(place + 1, 0, due);
  }

  #remove(due: Due): void {
    const place = this.#due.indexOf(due);
    if (place >= 0) this.#due.splice(place, 1);
  }
}
