import type { Clock } from "../../base/clock.ts";
import { bearable, type Finding, good } from "../finding.ts";
import { isLoopback } from "../loopback.ts";
import type { AmiClient } from "./ami.ts";
import { type Ask, isLoaded } from "./capability.ts";
import type { AsteriskOptions } from "./options.ts";

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

/** Whether a worker shows itself, and whether it is listened for: between two hosts there is a network that may be cut. */
export function shownBy({ ari, presence, pulse }: Pick<AsteriskOptions, "ari" | "presence" | "pulse">) {
  const elsewhere = !isLoopback(new URL(ari.url).hostname);
  return { presence: presence ?? elsewhere, pulse: pulse ?? elsewhere };
}

const MODULES = ["app_waitforcond.so", "func_module.so"];

/** Whether this Asterisk can listen for it, where it is to. */
export async function pulseFindings(ari: Ask, options: AsteriskOptions): Promise<Finding[]> {
  const { presence, pulse } = shownBy(options);
  if (!presence || !pulse) return [];
  const loaded = await Promise.all(MODULES.map((module) => isLoaded(ari, module)));
  const missing = MODULES.filter((_module, index) => !loaded[index]);
  if (missing.length === 0) return [good("Asterisk can notice that the network to this host is cut.")];
  const what = `Asterisk would not notice that the network to this host is cut: ${missing.join(" and ")} is not loaded.`;
  return [bearable(what, missing.map((module) => `asterisk -rx 'module load ${module}'`).join("; "))];
}
