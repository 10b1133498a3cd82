import type { Clock } from "../base/clock.ts";

/** A collection of garbage, or a model that is being read, may need more for a moment. */
const PATIENCE_MS = 5000;

/** Which workers are above the limit of memory, and stay there. */
export class MemoryWatch {
  readonly #clock: Clock;
  readonly #aboveSince = new Map<object, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asked with every news of a worker's memory. */
  isAbove(worker: { readonly memoryMb: number }, limitMb: number): boolean {
    if (limitMb === 0 || worker.memoryMb <= limitMb) {
      this.forget(worker);
      return false;
    }
    const since = this.#aboveSince.get(worker) ?? this.#clock.now();
    this.#aboveSince.set(worker, since);
    if (this.#clock.now() - since < PATIENCE_MS) return false;
    // Told once; should the replacement fail, again after the same time.
    this.#aboveSince.set(worker, this.#clock.now());
    return true;
  }

  forget(worker: object): void {
    this.#aboveSince.delete(worker);
  }
}
