import { findSound } from "../../audio/correlate.ts";
import type { Frame } from "../../audio/frame.ts";
import { joined } from "../../audio/joined.ts";
import type { Clock } from "../../base/clock.ts";
import type { CallLeg } from "../../caller/leg.ts";
import type { Phone } from "../../caller/phone.ts";
import type { TextToSpeech } from "../../conversation/providers.ts";

/** The rate of the demo's phones. */
export const LINE_RATE = 8000;

const AUDIBLE = 400;
/** A quieter match is chance: voices of the same kind reach 0.3, the same sound through µ-law 0.9 and more. */
const SAME_SOUND = 0.6;
/** So much of a sound tells it from all others. */
const SAMPLE_MS = 1500;
const LOOK_MS = 150;
/** A packet may be put before others that were looked at. */
const LATE_MS = 500;

/** All of a voice's sound for `text`, before it is said: nobody on a phone thinks while speaking. */
export async function spoken(
  voice: TextToSpeech,
  { text, as, signal }: { text: string; as: string; signal: AbortSignal },
): Promise<Frame[]> {
  async function* once(): AsyncGenerator<string> {
    yield text;
  }
  const frames: Frame[] = [];
  for await (const frame of voice.speak(once(), { voice: as, rate: LINE_RATE, language: "en", signal })) {
    frames.push({ pcm: frame.pcm.slice(), rate: frame.rate });
  }
  return frames;
}

export const soundOf = (frames: readonly Frame[]): Int16Array => joined(frames.map(({ pcm }) => pcm));

/** Samples before the first one that can be heard. */
const leadIn = (pcm: Int16Array): number =>
  Math.max(
    0,
    pcm.findIndex((sample) => Math.abs(sample) > AUDIBLE),
  );

/**
 * Waits until a known sound stands in what the caller received, and returns when its first audible sample arrived, by the
 * call's clock. Undefined when it did not come within `withinMs`, or the call ended.
 */
export async function heardSound(
  leg: Pick<CallLeg, "recordings" | "signal">,
  {
    sound,
    sinceMs,
    withinMs,
    clock,
    signal,
  }: { sound: Int16Array; sinceMs: number; withinMs: number; clock: Clock; signal: AbortSignal },
): Promise<number | undefined> {
  const first = leadIn(sound);
  const sample = sound.subarray(first, first + (SAMPLE_MS * LINE_RATE) / 1000);
  let fromMs = Math.max(leg.recordings.received.startMs, sinceMs - 100);
  for (;;) {
    const received = leg.recordings.received.samples({ fromMs });
    const found = received.length >= sample.length ? foundIn(received, sample) : undefined;
    if (found !== undefined) return fromMs + (found * 1000) / LINE_RATE;
    if (clock.now() - sinceMs > withinMs || leg.signal.aborted) return undefined;
    // Where it does not begin needs no second look: a caller who searches all of it over and over has no time left to listen.
    fromMs += Math.max(0, ((received.length - sample.length) * 1000) / LINE_RATE - LATE_MS);
    await clock.sleep(LOOK_MS, signal);
  }
}

/** Where the sound begins; undefined where it is not, which needs no search in what is silent. */
function foundIn(recording: Int16Array, sound: Int16Array): number | undefined {
  if (!recording.some((sample) => Math.abs(sample) > AUDIBLE)) return undefined;
  const { lag, score } = findSound({ sound, recording });
  return score >= SAME_SOUND ? lag : undefined;
}

/** What the phone that answers says, and the call once it has. */
export interface Answered {
  readonly leg: CallLeg;
  readonly words: Int16Array;
}

/** A person at a phone: rings a moment, answers, says a sentence. Resolves with each call when the sentence has begun. */
export function answering(
  phone: Phone,
  { words, ringMs, clock, signal }: { words: readonly Frame[]; ringMs: number; clock: Clock; signal: AbortSignal },
) {
  const waiting: ((answered: Answered) => void)[] = [];
  const sound = soundOf(words);
  phone.onIncoming((call) => {
    const talk = async (): Promise<void> => {
      await call.ring();
      await clock.sleep(ringMs, AbortSignal.any([signal, call.signal]));
      const leg = await call.answer();
      const saying = leg.say(words, { signal: leg.signal });
      waiting.shift()?.({ leg, words: sound });
      await saying;
    };
    // A caller who gives up while it rings is no fault; the scene that waits says what it missed.
    talk().catch(() => {});
  });
  return {
    /** The next call this phone answers. Rejects when the signal aborts. */
    next(deadline: AbortSignal): Promise<Answered> {
      const { promise, resolve, reject } = Promise.withResolvers<Answered>();
      waiting.push(resolve);
      deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
      return promise;
    },
  };
}
