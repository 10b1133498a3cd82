import { amplitudeOf } from "./level.ts";

// ITU-T Q.23: a key is one tone of its row and one of its column.
export const DTMF_ROWS_HZ = [697, 770, 852, 941] as const;
export const DTMF_COLUMNS_HZ = [1209, 1336, 1477, 1633] as const;
const KEYS = "123A456B789C*0#D";

/** Sines of the same level each, `levelDbov` in all. */
export function tones({
  hz,
  ms,
  rate,
  levelDbov,
}: {
  hz: readonly number[];
  ms: number;
  rate: number;
  levelDbov: number;
}): Int16Array {
  const amplitude = amplitudeOf(levelDbov) * Math.sqrt(2 / hz.length);
  return Int16Array.from({ length: Math.round((ms * rate) / 1000) }, (_, i) => {
    const sum = hz.reduce((total, f) => total + Math.sin((2 * Math.PI * f * i) / rate), 0);
    return Math.max(-32768, Math.min(32767, Math.round(amplitude * sum)));
  });
}

/** One key, 0-9, *, #, A-D. Throws a RangeError for any other. */
export function dtmfTone(
  digit: string,
  { ms, rate, levelDbov = -10 }: { ms: number; rate: number; levelDbov?: number },
): Int16Array {
  return tones({ hz: dtmfFrequencies(digit), ms, rate, levelDbov });
}

export function dtmfFrequencies(digit: string): [number, number] {
  const key = KEYS.indexOf(digit.toUpperCase());
  const [row, column] = [DTMF_ROWS_HZ[key >> 2], DTMF_COLUMNS_HZ[key & 3]];
  if (digit.length !== 1 || row === undefined || column === undefined)
    throw new RangeError(`"${digit}" is no key of a telephone`);
  return [row, column];
}

export const dtmfKey = (row: number, column: number): string => KEYS[row * 4 + column] ?? "";
