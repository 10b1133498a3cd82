import type { Clock, Timer } from "./clock.ts";
import { OutsideError } from "./errors.ts";

/**
 * The reason of what is ended in the course of things, several times in every turn of a call: `abort()` alone makes an error with a
 * stack each time, which nobody reads.
 */
export const OVER = new DOMException("it is over", "AbortError");

/** The promise's outcome, or a rejection with the signal's reason, whichever is first. The listener is gone afterwards; the loser's outcome is nobody's. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    promise.then(
      (value) => {
        signal.removeEventListener("abort", onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** What is waited for, and for how long. */
interface Deadline {
  readonly clock: Clock;
  readonly ms: number;
  /** Of the error that tells of it. */
  readonly message: string;
  readonly signal?: AbortSignal;
}

type Run<T> = (signal: AbortSignal) => Promise<T>;

/** `watch` sets the timer that says when it is late. */
async function inTime<T>(run: Run<T>, { message, signal }: Deadline, watch: (late: () => void) => Timer): Promise<T> {
  signal?.throwIfAborted();
  const inner = new AbortController();
  const onAbort = (): void => inner.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = watch(() => inner.abort(new OutsideError("timeout", message)));
  try {
    return await abortable(run(inner.signal), inner.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Runs something under a signal that also aborts after `ms`. Rejects with an OutsideError of code "timeout" and the given
 * message then, also when what runs ignores its signal; with the outer signal's reason when that aborts first.
 */
export async function withDeadline<T>(run: Run<T>, deadline: Deadline): Promise<T> {
  return await inTime(run, deadline, (late) => deadline.clock.after(deadline.ms, late));
}

/** The beats in which somebody is waited for who must not be missed. */
const BEAT_MS = 50;
const LATEST = 2;

/**
 * The same where a caller waits and this process may be kept from running: `ms` are counted in beats of the loop, between any two of
 * which everything that has come is heard. By the clock alone an answer that is there would be late. Twice as long at most.
 */
export async function withinBeats<T>(run: Run<T>, deadline: Deadline): Promise<T> {
  const { clock, ms } = deadline;
  return await inTime(run, deadline, (late) => {
    const startMs = clock.now();
    let beats = 0;
    return clock.every(BEAT_MS, () => {
      beats++;
      if (beats * BEAT_MS >= ms || (beats > 1 && clock.now() - startMs >= LATEST * ms)) late();
    });
  });
}

/** Where several may wait for the same moment. */
export class Gate {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next `open`; rejects with the signal's reason when that aborts first. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const leave = (): void => {
        this.#waiting.delete(onOpen);
        signal.removeEventListener("abort", onAbort);
      };
      const onOpen = (): void => {
        leave();
        resolve();
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason);
      };
      this.#waiting.add(onOpen);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  open(): void {
    for (const onOpen of [...this.#waiting]) onOpen();
  }
}
