import { findSound } from "../../src/audio/correlate.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { LINE_RATE, soundOf, spoken } from "../../src/cli/demo/actors.ts";
import { providers } from "../../src/providers/index.ts";

/** The greeting, in the same voice, came to 0.46 at the most; the same sound through µ-law comes to 0.9 and more. */
const SAME_SOUND = 0.6;
const BEGINNING_MS = 300;

/** A text as the demo's agent says it, at the rate of its phones. */
export async function saidBy(text: string, as = "slt"): Promise<Int16Array> {
  const flite = providers.tts.flite;
  const voice = flite.create(flite.schema.parse({}), { clock: systemClock, log: silentLog });
  try {
    return soundOf(await spoken(voice, { text, as, signal: AbortSignal.timeout(60_000) }));
  } finally {
    await voice.close();
  }
}

/**
 * Waits until something was heard for 400 ms: true when it is the agent, who greets; false when it is the menu. Looked for is
 * the menu: its file is played whole, while a busy machine may cut the greeting's first packets off.
 */
export async function isGreeted(
  leg: CallLeg,
  { menu, signal }: { menu: Int16Array; signal: AbortSignal },
): Promise<boolean> {
  await leg.answered;
  await leg.heard.soundFor({ ms: 400, sinceMs: leg.times.answeredMs ?? 0, signal });
  const first = menu.findIndex((sample) => Math.abs(sample) > 400);
  const sound = menu.subarray(first, first + (BEGINNING_MS * LINE_RATE) / 1000);
  const { received } = leg.recordings;
  return findSound({ sound, recording: received.samples({ fromMs: received.startMs }) }).score < SAME_SOUND;
}
