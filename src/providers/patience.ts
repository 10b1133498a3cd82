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
  const gone = Promise.withResolvers<undefined>();
  const onAbort = (): void => gone.resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  let whole = false;
  let first = true;
  try {
    while (!signal.aborted) {
      const late = Promise.withResolvers<never>();
      const told = first
        ? `no answer within ${patience.firstMs} ms`
        : `silent in the middle for ${patience.stallMs} ms`;
      const timer = clock.after(first ? patience.firstMs : patience.stallMs, () =>
        late.reject(new ProviderError(provider, "timeout", told)),
      );
      first = false;
      const coming = reader.next();
      // Its loser may fail later, when nobody listens any more.
      coming.catch(() => undefined);
      const next = await Promise.race([coming, late.promise, gone.promise]).finally(() => timer.cancel());
      if (next === undefined || signal.aborted) return;
      if (next.done) {
        whole = true;
        return;
      }
      yield next.value;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (!whole) {
      patience.stop();
      reader.return?.()?.catch(() => undefined);
    }
  }
}
