export interface Backoff {
  /** How long to wait before the next try, in ms: doubled each time, up to the limit, half of it by chance. */
  next(): number;
  /** It worked: the next failure starts from the beginning. */
  reset(): void;
}

/**
 * Waits between tries that go on for ever. By chance, because a hundred workers that lost the same PBX must not all
 * come back in the same millisecond. `random` yields 0 up to 1.
 */
export function createBackoff({
  minMs,
  maxMs,
  random = Math.random,
}: {
  minMs: number;
  maxMs: number;
  random?: () => number;
}): Backoff {
  let wholeMs = minMs;
  return {
    next() {
      const ms = wholeMs / 2 + (random() * wholeMs) / 2;
      wholeMs = Math.min(maxMs, wholeMs * 2);
      return ms;
    },
    reset() {
      wholeMs = minMs;
    },
  };
}
