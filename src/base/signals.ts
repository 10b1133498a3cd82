import type { Clock } from "./clock.ts";
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

/**
 * Runs something under a signal that also aborts after `ms`. Rejects with an OutsideError of code "timeout" and the given
 * message then, also when what runs ignores its signal; with the outer signal's reason when that aborts first.
 */
export async function withDeadline<T>(
  run: (signal: AbortSignal) => Promise<T>,
  { clock, ms, message, signal }: { clock: Clock; ms: number; message: string; signal?: AbortSignal },
): Promise<T> {
  signal?.throwIfAborted();
  const inner = new AbortController();
  const onAbort = (): void => inner.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = clock.after(ms, () => inner.abort(new OutsideError("timeout", message)));
  try {
    return await abortable(run(inner.signal), inner.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** The beats in which somebody is waited for who must not be missed. */
const BEAT_MS = 50;
const LATEST = 2;

/**
 * The same where a caller waits and this process may be kept from running: `ms` are counted in beats of the loop, between any two of
 * which everything that has come is heard. By the clock alone an answer that is there would be late. Twice as long at most.
 */
export async function withinBeats<T>(
  run: () => Promise<T>,
  { clock, ms, message, signal }: { clock: Clock; ms: number; message: string; signal?: AbortSignal },
): Promise<T> {
  signal?.throwIfAborted();
  const late = new AbortController();
  const startMs = clock.now();
  let beats = 0;
  const timer = clock.every(BEAT_MS, () => {
    beats++;
    const enough = beats * BEAT_MS >= ms || (beats > 1 && clock.now() - startMs >= LATEST * ms);
    if (enough) late.abort(new OutsideError("timeout", message));
  });
  const onAbort = (): void => late.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await abortable(run(), late.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
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
