import { dtmfTone } from "../audio/tone.ts";
import { CALL_RATE } from "./codec.ts";
import type { Pressed } from "./sender.ts";
import type { Said } from "./speech.ts";

/** Presses keys as the two tones that they are (ITU-T Q.23), for far ends that listen to nothing else. */
export async function inbandDigits(
  digits: string,
  { toneMs, gapMs }: { toneMs: number; gapMs: number },
  say: (pcm: Int16Array) => Promise<Said>,
): Promise<Pressed[]> {
  const pressed: Pressed[] = [];
  for (const digit of digits) {
    const tone = dtmfTone(digit, { ms: toneMs, rate: CALL_RATE });
    const withGap = new Int16Array(tone.length + Math.round((gapMs * CALL_RATE) / 1000));
    withGap.set(tone);
    const { startMs, lastSoundMs } = await say(withGap);
    if (startMs !== undefined && lastSoundMs !== undefined) pressed.push({ digit, startMs, endMs: lastSoundMs });
  }
  return pressed;
}
