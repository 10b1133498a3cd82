import type { Clock } from "../../base/clock.ts";
import type { AmiClient } from "./ami.ts";

export interface PulseOptions {
  readonly ami: Pick<AmiClient, "setVariable">;
  readonly clock: Clock;
  /** Until when. */
  readonly signal: AbortSignal;
}

const BEAT_MS = 150;

/**
 * Tells a presence six times a second that its worker is alive: the dialplan counts how often it has looked in vain, and this is what sets
 * the count back. The next one only when this one was answered: so it stops for whichever way the line is cut, and a
 * line that is late is not taken for one that is not. Resolves when the signal aborts; never rejects.
 */
export async function beat(channel: string, { ami, clock, signal }: PulseOptions): Promise<void> {
  while (!signal.aborted) {
    const sentMs = clock.now();
    // Without the manager interface nobody could be told anything: whoever has it takes the calls.
    await ami.setVariable(channel, "SIDETONE_MISSED", "0").catch(() => undefined);
    const leftMs = Math.max(0, BEAT_MS - (clock.now() - sentMs));
    await clock.sleep(Math.max(1, leftMs), signal).catch(() => undefined);
  }
}
