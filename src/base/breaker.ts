import type { Clock } from "./clock.ts";

export interface BreakerLimits {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** How long it stays open the first time; doubled after each trial that fails, up to the limit. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
}

/** Leave to ask once. Its outcome is told once: the first call counts, and one of the three must come. */
export interface Permit {
  /** Whether an open breaker lets this one through to see if things are well again. */
  readonly trial: boolean;
  ok(): void;
  /** `grave`: it will not be better with the next request (a wrong key, too many requests). */
  failed(options?: { grave?: boolean }): void;
  /** Nothing was learnt: the request was taken back. */
  release(): void;
}

// Failures further apart than this have nothing to do with one another.
const FORGET_MS = 60_000;

/**
 * Keeps requests from what fails again and again. While it is open nobody gets through; when the time is over one request at a
 * time does, and its outcome decides. One for each provider, shared by all calls of a worker.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #limits: BreakerLimits;
  #failures = 0;
  #failedAt = 0;
  #openUntil: number | undefined;
  #openings = 0;
  #trial = false;

  constructor(clock: Clock, limits: BreakerLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** open: nobody gets through. due: the next one does, to try. trying: somebody does. */
  get state(): "closed" | "open" | "due" | "trying" {
    if (this.#openUntil === undefined) return "closed";
    if (this.#trial) return "trying";
    return this.#clock.now() >= this.#openUntil ? "due" : "open";
  }

  /** Undefined: not now. `force`: there is nobody else, and to ask costs less than to give up. */
  enter({ force = false }: { force?: boolean } = {}): Permit | undefined {
    const { state } = this;
    if (state === "due") return this.#permit(true);
    return state === "closed" || force ? this.#permit(false) : undefined;
  }

  #permit(trial: boolean): Permit {
    let told = false;
    const once = (run: () => void) => (): void => {
      if (told) return;
      told = true;
      if (trial) this.#trial = false;
      run();
    };
    let grave = false;
    const fail = once(() => this.#fail(trial, grave));
    if (trial) this.#trial = true;
    return {
      trial,
      ok: once(() => this.#close()),
      failed: (options) => {
        grave = options?.grave ?? false;
        fail();
      },
      release: once(() => {}),
    };
  }

  #close(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#openUntil = undefined;
  }

  #fail(trial: boolean, grave: boolean): void {
    const now = this.#clock.now();
    if (now - this.#failedAt > FORGET_MS) this.#failures = 0;
    this.#failedAt = now;
    this.#failures += 1;
    const open = this.#openUntil !== undefined;
    // What fails while it is open anyway was asked for want of anybody else.
    if (open ? !trial : !grave && this.#failures < this.#limits.failures) return;
    const { retryMs, retryMaxMs } = this.#limits;
    this.#openUntil = now + Math.min(retryMaxMs, retryMs * 2 ** Math.min(this.#openings, 20));
    this.#openings += 1;
  }
}
