import type { Backoff } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Worker } from "./worker.ts";

// The callers of a worker that died are on their way to the menu or to another worker: a new one, which needs a whole core for
// a second, leaves them the processor for so long. Longer where there is another worker: it takes them over, and new calls as well.
const CALM_MS = { alone: 250, others: 1000 };

/** A place for one worker that takes calls: who has it, who is to have it next, and when it is filled again. */
export class Slot {
  readonly index: number;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #current: Worker | undefined;
  #next: Worker | undefined;
  #again: Timer | undefined;
  #failures = 0;

  constructor(index: number, { clock, backoff }: { clock: Clock; backoff: Backoff }) {
    this.index = index;
    this.#clock = clock;
    this.#backoff = backoff;
  }

  get current(): Worker | undefined {
    return this.#current;
  }

  get workers(): Worker[] {
    return [this.#current, this.#next].filter((worker) => worker !== undefined);
  }

  /** Nobody has it, and nobody is about to. */
  get vacant(): boolean {
    return this.workers.length === 0 && this.#again === undefined;
  }

  /** Deaths in a row. */
  get failures(): number {
    return this.#failures;
  }

  take(worker: Worker): void {
    this.#current = worker;
  }

  prepare(next: Worker): void {
    this.#next = next;
  }

  /** The next one has it now. Returns who had it. */
  succeed(): Worker | undefined {
    const before = this.#current;
    this.#current = this.#next ?? before;
    this.#next = undefined;
    return before;
  }

  /** This worker is gone. */
  lose(worker: Worker): void {
    if (this.#next === worker) this.#next = undefined;
    else if (this.#current === worker) this.#current = undefined;
  }

  /** Has it filled again: soon, because others will call; after ever longer pauses where one dies again and again. `others`: somebody else takes calls meanwhile. */
  again({ good, others }: { good: boolean; others: boolean }, fill: () => void): number {
    if (good) {
      this.#failures = 0;
      this.#backoff.reset();
    }
    const delayMs = Math.max(others ? CALM_MS.others : CALM_MS.alone, this.#failures === 0 ? 0 : this.#backoff.next());
    this.#failures++;
    this.#again = this.#clock.after(delayMs, () => {
      this.#again = undefined;
      fill();
    });
    return delayMs;
  }

  /** Returns who was here. */
  empty(): Worker[] {
    const { workers } = this;
    this.#current = undefined;
    this.#next = undefined;
    return workers;
  }

  close(): void {
    this.#again?.cancel();
    this.#again = undefined;
  }
}
