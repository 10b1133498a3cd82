import type { CallLeg } from "../../src/caller/leg.ts";

const FRAME_MS = 20;

/** The time between one packet of the far end and the next, in ms. */
export function frameGaps(leg: CallLeg, { sinceMs }: { sinceMs: number }): number[] {
  const times = [...leg.log.packets({ direction: "received", fromMs: sinceMs })].map(({ atMs }) => atMs);
  return times.slice(1).map((atMs, before) => atMs - (times[before] ?? atMs));
}

/**
 * How late each packet of the far end came, in ms: against the one before it and 20 ms, on a grid that begins again where a
 * frame missed its tick. Without a jitter buffer this is what the caller's ear would notice.
 */
export function frameLateness(leg: CallLeg, { sinceMs }: { sinceMs: number }): number[] {
  const late: number[] = [];
  let dueMs: number | undefined;
  for (const { atMs } of leg.log.packets({ direction: "received", fromMs: sinceMs })) {
    if (dueMs === undefined || atMs < dueMs) dueMs = atMs;
    const lateMs = atMs - dueMs;
    late.push(lateMs);
    dueMs = (lateMs >= FRAME_MS ? atMs : dueMs) + FRAME_MS;
  }
  return late;
}
