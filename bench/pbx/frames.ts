import type { CallLeg } from "../../src/caller/leg.ts";

const FRAME_MS = 20;

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
