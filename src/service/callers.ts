import { createHash } from "node:crypto";
import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

export interface CallersOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The other workers count it too. */
  readonly tell: (caller: string) => void;
}

const WINDOW_MS = 60_000;
/** More callers than that in a minute are not one of them. */
const CALLERS_MAX = 10_000;
// As PBXs write a number that is withheld.
const WITHHELD = /^(|anonymous|unknown|restricted|private|unavailable|withheld|asterisk|0+)$/i;

/** How often each number has called within the last minute, whichever worker it reached. Numbers are kept as hashes, in memory. */
export class Callers {
  readonly #options: CallersOptions;
  /** When each call came, oldest first. */
  readonly #came = new Map<string, number[]>();
  #refused = 0;
  #telling: Timer | undefined;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** Counts this call. False: there were `limit` of this number within the last minute already, and this one is not counted. */
  admit(number: string, limit: number): boolean {
    if (limit === 0 || WITHHELD.test(number)) return true;
    const caller = createHash("sha256").update(number).digest("base64url").slice(0, 16);
    if (this.#recent(caller).length >= limit) {
      this.#refuse();
      return false;
    }
    this.came(caller);
    this.#options.tell(caller);
    return true;
  }

  /** Another worker had a call of this caller, or we. */
  came(caller: string): void {
    const times = this.#recent(caller);
    times.push(this.#options.clock.now());
    // The last in the map is whoever called last: the first is the one to forget.
    this.#came.delete(caller);
    this.#came.set(caller, times);
    if (this.#came.size <= CALLERS_MAX) return;
    const [oldest = ""] = this.#came.keys();
    this.#came.delete(oldest);
  }

  close(): void {
    this.#telling?.cancel();
    this.#telling = undefined;
  }

  #recent(caller: string): number[] {
    const sinceMs = this.#options.clock.now() - WINDOW_MS;
    return (this.#came.get(caller) ?? []).filter((atMs) => atMs > sinceMs);
  }

  /** Told at the first, and then once a minute with their number: a flood is not to fill the log. */
  #refuse(): void {
    this.#refused++;
    if (this.#telling) return;
    this.#options.log.warn(
      { calls: this.#refused },
      "a number calls too often: its next calls are refused (limits.callerPerMinute)",
    );
    this.#refused = 0;
    this.#telling = this.#options.clock.every(WINDOW_MS, () => this.#tellAgain());
  }

  #tellAgain(): void {
    const calls = this.#refused;
    this.#refused = 0;
    if (calls > 0)
      this.#options.log.warn({ calls }, "calls of numbers that call too often were refused in the last minute");
    else this.close();
  }
}
