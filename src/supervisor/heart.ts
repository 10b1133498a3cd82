import type { Clock } from "../base/clock.ts";

export interface Heart {
  /** The worker was heard of. */
  beat(): void;
  /** May be called twice. */
  close(): void;
}

/**
 * Listens for a worker's beats, and calls `onSilent` once when none came for `killAfterMs`. Time in which this process
 * was stopped itself does not count: beats that could not be read are not beats that were not sent. Nor does time in which the
 * worker was ready to run and the machine had no processor for it, up to half of `killAfterMs`: killing it would not give it one,
 * and its successor needs more. A worker that is stopped, or that runs and does not turn, waits for none. `excusedMs` is for what it
 * was told to do itself.
 */
export function listenToHeart({
  clock,
  heartbeatMs,
  killAfterMs,
  starvedMs = () => 0,
  excusedMs = () => 0,
  onSilent,
}: {
  clock: Clock;
  heartbeatMs: number;
  killAfterMs: number;
  /** How long the worker has waited for a processor since it began, in ms. */
  starvedMs?: () => number;
  /** How much longer it may be silent just now. */
  excusedMs?: () => number;
  onSilent: (silentMs: number) => void;
}): Heart {
  const everyMs = Math.max(10, Math.floor(heartbeatMs / 2));
  let heardAt = clock.now();
  let lookedAt = heardAt;
  let starvedBefore = starvedMs();
  const timer = clock.every(everyMs, () => {
    const now = clock.now();
    const stoppedMs = now - lookedAt - everyMs;
    lookedAt = now;
    // A timer a little late is the ordinary business of a busy machine.
    if (stoppedMs > everyMs) heardAt = Math.min(now, heardAt + stoppedMs);
    const silentMs = now - heardAt;
    if (silentMs < killAfterMs) return;
    if (silentMs < killAfterMs + Math.min(killAfterMs / 2, starvedMs() - starvedBefore) + excusedMs()) return;
    timer.cancel();
    onSilent(Math.round(silentMs));
  });
  return {
    beat() {
      heardAt = clock.now();
      starvedBefore = starvedMs();
    },
    close() {
      timer.cancel();
    },
  };
}
