import { type Frame, type SampleRate, samplesPerFrame } from "./frame.ts";
import { amplitudeOf } from "./level.ts";

// A broken chord, up and down, softly: nobody takes it for an engaged tone.
const NOTES_HZ = [261.6, 329.6, 392, 523.3, 392, 329.6];
const NOTE_MS = 640;
// Of its loudest moment.
const LEVEL_DBOV = -32;

const melodies = new Map<SampleRate, readonly Frame[]>();

/** What a caller hears who is waiting: some seconds of music, in frames, to be played over and over. Made once for each rate; never written to. */
export function waitingMelody(rate: SampleRate): readonly Frame[] {
  const known = melodies.get(rate);
  if (known) return known;
  const note = (rate * NOTE_MS) / 1000;
  const size = samplesPerFrame(rate);
  const frames: Frame[] = [];
  for (let from = 0; from < note * NOTES_HZ.length; from += size) {
    const pcm = Int16Array.from({ length: size }, (_, at) => {
      const since = (from + at) % note;
      const hz = NOTES_HZ[Math.floor((from + at) / note)] ?? 0;
      const swell = Math.min(1, since / (rate * 0.03)) * Math.exp((-3 * since) / note);
      return Math.round(amplitudeOf(LEVEL_DBOV) * swell * Math.sin((2 * Math.PI * hz * since) / rate));
    });
    frames.push({ pcm, rate });
  }
  melodies.set(rate, frames);
  return frames;
}
