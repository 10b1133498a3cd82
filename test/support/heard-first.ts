import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";

/** A deadline, not a measure: what was measured is printed, and stands in decision 0040. */
const HEARD_MS = 5000;
/** What a caller still hears of a worker that is dead. */
const SOUND_MS = 500;

/** What a caller heard first, and after how long. */
export interface HeardFirst {
  readonly what: "sibling" | "menu" | "nothing";
  readonly ms: number;
}

/** Which of two sounds a caller hears first: the words with which another worker goes on, or the menu. A machine on which nobody has a processor leads to the menu, and never to silence. */
export async function heardFirst(
  leg: CallLeg,
  { sibling, menu, sinceMs }: { sibling: Int16Array; menu: Int16Array; sinceMs: number },
): Promise<HeardFirst> {
  const over = new AbortController();
  const options = { sinceMs, withinMs: HEARD_MS, clock: systemClock, signal: over.signal };
  const listen = async (what: HeardFirst["what"], sound: Int16Array): Promise<HeardFirst> => {
    const atMs = await heardSound(leg, { sound, ...options });
    if (atMs === undefined) throw new Error(`${what} was not heard`);
    return { what, ms: Math.round(atMs - sinceMs) };
  };
  try {
    return await Promise.any([listen("sibling", sibling), listen("menu", menu)]);
  } catch {
    return { what: "nothing", ms: HEARD_MS };
  } finally {
    over.abort();
  }
}

/** Whether a caller has had any sound that is not a dead worker's last. */
export const hasSoundSince = ({ heard }: CallLeg, killedMs: number): boolean =>
  heard.spells.some(({ endMs }) => endMs > killedMs + SOUND_MS);
