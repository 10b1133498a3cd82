/** Where speech is in a recording, and how loud: what a synthesiser leaves around it is not ours to play. */
interface Extent {
  readonly start: number;
  readonly end: number;
  /** Mean power of the blocks that are speech, 1 being a full-scale square wave. */
  readonly power: number;
  readonly peak: number;
}

const BLOCK_MS = 10;
// Below the active level by so much is not speech any more; a soft "h" is 30 dB below the vowels, flite's noise floor 40.
const SPEECH_BELOW_DB = 34;
const ACTIVE_BELOW_DB = 25;
const LEVEL_DBOV = -20;
const PEAK_LIMIT = 0.9 * 32_768;
const FADE_MS = 4;

/**
 * Cuts the silence before the speech, leaves `pauseMs` behind it, and brings the speech to -20 dBov (active level, as telephone
 * plants expect it), or below where a peak would clip. Returns a new buffer; what holds no speech comes back as silence of `pauseMs`.
 */
export function shapeSpeech(pcm: Int16Array, { rate, pauseMs }: { rate: number; pauseMs: number }): Int16Array {
  const pause = Math.round((pauseMs * rate) / 1000);
  const extent = extentOf(pcm, (rate * BLOCK_MS) / 1000);
  if (!extent) return new Int16Array(pause);
  const { start, end, power, peak } = extent;
  const gain = Math.min(Math.sqrt(10 ** (LEVEL_DBOV / 10) / power), PEAK_LIMIT / peak);
  const shaped = new Int16Array(end - start + pause);
  for (let i = start; i < end; i++) shaped[i - start] = Math.round((pcm[i] as number) * gain);
  fade(shaped.subarray(0, end - start), Math.round((rate * FADE_MS) / 1000));
  return shaped;
}

function extentOf(pcm: Int16Array, block: number): Extent | undefined {
  const powers: number[] = [];
  let peak = 0;
  for (let at = 0; at < pcm.length; at += block) {
    const part = pcm.subarray(at, at + block);
    let sum = 0;
    for (const sample of part) {
      sum += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    powers.push(sum / part.length / 2 ** 30);
  }
  const loudest = Math.max(0, ...powers);
  if (loudest < 1e-9) return undefined;
  const active = powers.filter((power) => power > loudest * 10 ** (-ACTIVE_BELOW_DB / 10));
  const power = active.reduce((sum, one) => sum + one, 0) / active.length;
  const isSpeech = (one: number): boolean => one > power * 10 ** (-SPEECH_BELOW_DB / 10);
  const start = powers.findIndex(isSpeech) * block;
  const end = Math.min(pcm.length, (powers.findLastIndex(isSpeech) + 1) * block);
  return { start, end, power, peak };
}

/** A cut in a waveform clicks; a few ms of slope do not. */
function fade(pcm: Int16Array, length: number): void {
  const samples = Math.min(length, pcm.length >> 1);
  for (let i = 0; i < samples; i++) {
    const slope = (i + 1) / (samples + 1);
    const last = pcm.length - 1 - i;
    pcm[i] = Math.round((pcm[i] as number) * slope);
    pcm[last] = Math.round((pcm[last] as number) * slope);
  }
}
