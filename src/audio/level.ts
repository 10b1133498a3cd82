/** What digital silence is said to be: the lowest level that RFC 6464 knows. */
export const SILENCE_DBOV = -127;

/** The root mean square in dB below overload (a full-scale square wave is 0, a full-scale sine -3). */
export function levelDbov(pcm: Int16Array): number {
  let power = 0;
  for (let i = 0; i < pcm.length; i++) power += (pcm[i] as number) ** 2;
  if (power === 0) return SILENCE_DBOV;
  return Math.max(SILENCE_DBOV, 10 * Math.log10(power / pcm.length / 32768 ** 2));
}

/** The largest magnitude, 0 to 32,768. */
export function peak(pcm: Int16Array): number {
  let largest = 0;
  for (let i = 0; i < pcm.length; i++) largest = Math.max(largest, Math.abs(pcm[i] as number));
  return largest;
}

/** The root mean square that a level in dBov means, in samples. */
export const amplitudeOf = (dbov: number): number => 32768 * 10 ** (dbov / 20);
