import { tones } from "../../src/audio/tone.ts";
import { CALL_RATE } from "../../src/caller/codec.ts";
import { framesOf } from "../../src/caller/speech.ts";
import type { TextToSpeech } from "../../src/conversation/providers.ts";

/** A tone that nobody takes for comfort noise. */
export const tone = (ms: number, hz = 440): Int16Array => tones({ hz: [hz], ms, rate: CALL_RATE, levelDbov: -15 });

/** Speaks every text as a tone of 50 ms a letter. */
export const toneVoice: TextToSpeech = {
  name: "tone",
  async *speak(text, { signal }) {
    for await (const piece of text) {
      if (signal.aborted) return;
      yield* framesOf(tone(piece.length * 50));
    }
  },
  close: async () => {},
};
