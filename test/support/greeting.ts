import { findSound } from "../../src/audio/correlate.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound, LINE_RATE, soundOf, spoken } from "../../src/cli/demo/actors.ts";
import { providers } from "../../src/providers/index.ts";

/**
 * What 300 ms of the greeting, in the same voice, come to at the most is 0.48, but 0.67 where its first 140 ms are cut off and
 * silence comes before it; the same sound through µ-law comes to 0.9 and more.
 */
const SAME_SOUND = 0.6;
const BEGINNING_MS = 300;
/** For the second and a half that make sure, and some that come late. */
const SURE_MS = 3_000;

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
  const startMs = await leg.heard.soundFor({ ms: 400, sinceMs: leg.times.answeredMs ?? 0, signal });
  const first = menu.findIndex((sample) => Math.abs(sample) > 400);
  const sound = menu.subarray(first, first + (BEGINNING_MS * LINE_RATE) / 1000);
  const { received } = leg.recordings;
  if (findSound({ sound, recording: received.samples({ fromMs: received.startMs }) }).score < SAME_SOUND) return true;
  const options = { sinceMs: startMs, withinMs: SURE_MS, clock: systemClock, signal };
  return (await heardSound(leg, { sound: menu, ...options })) === undefined;
}
