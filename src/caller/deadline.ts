import type { Clock } from "../base/clock.ts";

/** What `work` resolves with, unless `ms` pass or the signal aborts first: then the error of `late`, or the signal's reason. Leaves no timer and no listener. */
export async function within<T>(
  { clock, ms, signal, late }: { clock: Clock; ms: number; signal?: AbortSignal | undefined; late: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const deadline = new AbortController();
  const timer = clock.after(ms, () => deadline.abort(late()));
  const onAbort = (): void => deadline.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(deadline.signal.reason);
    deadline.signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work(deadline.signal), aborted]);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
    deadline.signal.removeEventListener("abort", stop);
    // Whatever `work` has left waiting, waits no longer.
    deadline.abort();
  }
}
