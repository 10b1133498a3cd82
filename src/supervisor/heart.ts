import type { Clock } from "../base/clock.ts";

export interface Heart {
  /** The worker was heard of. */
  beat(): void;
  /** May be called twice. */
  close(): void;
}

/**
 * Listens for a worker's beats, and calls `onSilent` once when none came for `killAfterMs`. Time in which this process
 * was stopped itself does not count: beats that could not be read are not beats that were not sent.
 */
export function listenToHeart({
  clock,
  heartbeatMs,
  killAfterMs,
  onSilent,
}: {
  clock: Clock;
  heartbeatMs: number;
  killAfterMs: number;
  onSilent: (silentMs: number) => void;
}): Heart {
  const everyMs = Math.max(10, Math.floor(heartbeatMs / 2));
  let heardAt = clock.now();
  let lookedAt = heardAt;
  const timer = clock.every(everyMs, () => {
    const now = clock.now();
    const stoppedMs = now - lookedAt - everyMs;
    lookedAt = now;
    // A timer a little late is the ordinary business of a busy machine.
    if (stoppedMs > everyMs) heardAt = Math.min(now, heardAt + stoppedMs);
    if (now - heardAt < killAfterMs) return;
    timer.cancel();
    onSilent(Math.round(now - heardAt));
  });
  return {
    beat() {
      heardAt = clock.now();
    },
    close() {
      timer.cancel();
    },
  };
}
