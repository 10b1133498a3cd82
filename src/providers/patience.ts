import type { Clock } from "../base/clock.ts";
import { ProviderError } from "../conversation/providers.ts";

export interface Patience {
  readonly provider: string;
  readonly clock: Clock;
  /** Until the first part. */
  readonly firstMs: number;
  /** Between two parts. */
  readonly stallMs: number;
  /** Whoever asked does not want it any more: the stream ends quietly. */
  readonly signal: AbortSignal;
  /** It took too long, or nobody reads on: what gives the parts is to stop. Called at most once. */
  stop(): void;
}

/**
 * A provider's stream with a limit on every wait. Throws a ProviderError "timeout" when one is reached; ends quietly, in the
 * same tick, when the signal aborts. It never waits for the source to end.
 */
export async function* patiently<T>(parts: AsyncIterable<T>, patience: Patience): AsyncGenerator<T, void, undefined> {
  const { provider, clock, signal } = patience;
  const reader = parts[Symbol.asyncIterator]();
  let waiting: PromiseWithResolvers<IteratorResult<T> | undefined> | undefined;
  const onAbort = (): void => waiting?.resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  let whole = false;
  let [limitMs, dueMs] = [patience.firstMs, clock.now() + patience.firstMs];
  const look = (): void => {
    const restMs = dueMs - clock.now();
    // Parts came meanwhile: one timer is enough for all of them.
    if (restMs > 0) timer = clock.after(restMs, look);
    else if (!waiting) timer = clock.after(limitMs, look);
    else {
      const told = first ? `no answer within ${limitMs} ms` : `silent in the middle for ${limitMs} ms`;
      waiting.reject(new ProviderError(provider, "timeout", told));
    }
  };
  let first = true;
  let timer = clock.after(limitMs, look);
  try {
    while (!signal.aborted) {
      waiting = Promise.withResolvers();
      // What loses the race may fail later, when nobody listens any more.
      reader.next().then(waiting.resolve, waiting.reject);
      const next = await waiting.promise;
      waiting = undefined;
      if (next === undefined || signal.aborted) return;
      if (next.done) {
        whole = true;
        return;
      }
      yield next.value;
      limitMs = patience.stallMs;
      dueMs = clock.now() + limitMs;
      // Whoever waits for the first part may do so longer, or less long.
      if (first) timer.cancel();
      if (first) timer = clock.after(limitMs, look);
      first = false;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
    if (!whole) {
      patience.stop();
      reader.return?.()?.catch(() => undefined);
    }
  }
}
