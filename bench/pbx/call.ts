import type { Clock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import type { NetworkFaults } from "../../src/caller/network.ts";
import type { Phone } from "../../src/caller/phone.ts";

/** The example agent of the repository: the local recogniser, the scripted model, the local voice. */
export const RECEPTION = "4100";
/** What is louder is heard. */
export const AUDIBLE_DBOV = -45;
/** No step of a call takes longer. */
export const STEP_MS = 20_000;
/** A pause of the agent's that is the end of what it says. */
export const END_OF_REPLY_MS = 900;

export const step = (signal: AbortSignal, ms = STEP_MS): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(ms)]);

/** Dials, waits for the answer, runs, and hangs up whatever happens. */
export async function inCall<T>(
  phone: Phone,
  { number = RECEPTION, network, signal }: { number?: string; network?: NetworkFaults; signal: AbortSignal },
  run: (leg: CallLeg) => Promise<T>,
): Promise<T> {
  const leg = await phone.call(number, { codec: "ulaw", signal, ...(network && { network }) });
  try {
    await leg.answered;
    return await run(leg);
  } finally {
    await leg.hangUp();
  }
}

export const answeredMs = (leg: CallLeg): number => leg.times.answeredMs ?? leg.nowMs();

/**
 * How late each packet of ours left, against the grid that its timestamps draw from the earliest one: the generator's own
 * account. Packets that were skipped because the process stood still count with the whole pause. What leaves before `sinceMs` or
 * after `untilMs` is in no figure.
 */
export function latenessOf(leg: CallLeg, { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = {}): number[] {
  let firstMs: number | undefined;
  let [lastTimestamp, mediaMs] = [0, 0];
  const offsets: number[] = [];
  let before = 0;
  for (const { atMs, timestamp, levelDbov } of leg.log.packets({ direction: "sent" })) {
    // Keys keep the timestamp of their beginning.
    if (Number.isNaN(levelDbov)) continue;
    if (atMs > untilMs) break;
    firstMs ??= atMs;
    if (offsets.length > 0) mediaMs += ((timestamp - lastTimestamp) >>> 0) / 8;
    lastTimestamp = timestamp;
    if (atMs < sinceMs) before += 1;
    offsets.push(atMs - firstMs - mediaMs);
  }
  const earliest = Math.min(0, ...offsets.slice(0, 50));
  return offsets.slice(before).map((offset) => offset - earliest);
}

/** Runs `work` for 0 to `count` - 1, so many of them at a time. */
export async function inParallel<T>(count: number, atOnce: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results.push(await work(index));
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane));
  return results;
}

/** All channels are gone: the next scenario begins on an idle PBX. */
export async function untilIdle(
  { channels }: { channels(): Promise<number> },
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const deadline = clock.now() + STEP_MS;
  while ((await channels()) > 0 && clock.now() < deadline) await clock.sleep(100, signal);
}
