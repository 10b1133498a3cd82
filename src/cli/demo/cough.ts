import { randomSource } from "../../caller/noise.ts";
import { LINE_RATE } from "./actors.ts";

/** The two bursts of a cough: a hard one, and a shorter, weaker one after it. */
const BURSTS = [
  { atMs: 0, ms: 170, level: 0.3 },
  { atMs: 230, ms: 110, level: 0.18 },
] as const;
const LENGTH_MS = 380;

/** A cough at 8 kHz: noise that starts at once and dies away, with the throat's resonance and no pitch. */
export function cough(seed = 7): Int16Array {
  const pcm = new Int16Array((LENGTH_MS * LINE_RATE) / 1000);
  const random = randomSource(seed);
  const resonance = (2 * Math.PI * 900) / LINE_RATE;
  let [last, before] = [0, 0];
  for (const { atMs, ms, level } of BURSTS) {
    const first = (atMs * LINE_RATE) / 1000;
    const length = (ms * LINE_RATE) / 1000;
    for (let at = 0; at < length; at++) {
      const noise = random() * 2 - 1;
      const sound = noise + 1.5 * Math.cos(resonance) * last - 0.6 * before;
      [last, before] = [sound, last];
      const fade = Math.exp((-4 * at) / length);
      pcm[first + at] = Math.max(-32768, Math.min(32767, Math.round(sound * fade * level * 16384)));
    }
  }
  return pcm;
}
