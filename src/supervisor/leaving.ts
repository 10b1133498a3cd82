import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Worker } from "./worker.ts";

/** What a worker gets for closing down once its calls are gone, or once it was told to hurry. */
export const LEAVE_MS = 3000;

/** Workers that take no more calls, and have their time for those they have. Who does not leave by then is killed. */
export class Leaving {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timers = new Map<Worker, Timer>();

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  get workers(): Worker[] {
    return [...this.#timers.keys()];
  }

  has(worker: Worker): boolean {
    return this.#timers.has(worker);
  }

  /** It takes no more calls, and may end those it has. */
  dismiss(worker: Worker, drainSeconds: number): void {
    worker.tell({ type: "drain", seconds: drainSeconds });
    this.#giveUntil(worker, drainSeconds * 1000 + LEAVE_MS);
  }

  /** Running calls go to the menu. */
  hurry(): void {
    for (const [worker, timer] of this.#timers) {
      timer.cancel();
      worker.tell({ type: "stop" });
      this.#giveUntil(worker, LEAVE_MS);
    }
  }

  /** It has left. False: it was not about to. */
  left(worker: Worker): boolean {
    this.#timers.get(worker)?.cancel();
    return this.#timers.delete(worker);
  }

  /** They go on, and nobody here waits for them. */
  letGo(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #giveUntil(worker: Worker, ms: number): void {
    const timer = this.#clock.after(ms, () => {
      this.#log.error({ pid: worker.pid }, "the worker does not leave and is killed; its calls go to the menu");
      worker.kill();
    });
    this.#timers.set(worker, timer);
  }
}
