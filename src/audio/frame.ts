export type SampleRate = 8000 | 16000 | 24000 | 48000;

/** Mono 16-bit PCM: the one shape that audio has inside Sidetone, 20 ms unless it is the last of an utterance; of a voice up to 100 ms. */
export interface Frame {
  readonly pcm: Int16Array;
  readonly rate: SampleRate;
}

export const FRAME_MS = 20;

export const samplesPerFrame = (rate: SampleRate): number => (rate * FRAME_MS) / 1000;
