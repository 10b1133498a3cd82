/** The mean square of one frequency's part of a window (Goertzel's algorithm), in squares of what the samples are measured in. */
export type Goertzel = (window: ArrayLike<number>) => number;

export function goertzel(hz: number, rate: number): Goertzel {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / rate);
  return (window) => {
    let last = 0;
    let before = 0;
    for (let i = 0; i < window.length; i++) {
      const next = (window[i] as number) + coefficient * last - before;
      before = last;
      last = next;
    }
    return (2 * (last * last + before * before - coefficient * last * before)) / window.length ** 2;
  };
}

/** The mean square of all that is in a window. */
export function meanSquare(window: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < window.length; i++) sum += (window[i] as number) ** 2;
  return sum / window.length;
}
