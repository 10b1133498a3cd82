/** One band: weights of the spectrum's bins from `from` on. */
export interface MelFilter {
  readonly from: number;
  readonly weights: Float64Array;
}

// Slaney's scale: even up to 1 kHz, above it a step is a ratio.
const HZ_PER_MEL = 200 / 3;
const KNEE_HZ = 1000;
const KNEE_MEL = KNEE_HZ / HZ_PER_MEL;
const RATIO = Math.log(6.4) / 27;

const melOf = (hz: number): number => (hz < KNEE_HZ ? hz / HZ_PER_MEL : KNEE_MEL + Math.log(hz / KNEE_HZ) / RATIO);
const hzOf = (mel: number): number =>
  mel < KNEE_MEL ? mel * HZ_PER_MEL : KNEE_HZ * Math.exp((mel - KNEE_MEL) * RATIO);

/** Triangles from 0 to half the rate, even on the mel scale, each of the same area. */
export function melFilters({ bands, bins, rate }: { bands: number; bins: number; rate: number }): MelFilter[] {
  const binHz = rate / 2 / (bins - 1);
  const top = melOf(rate / 2);
  const edge = (i: number): number => hzOf((top * i) / (bands + 1));
  return Array.from({ length: bands }, (_, band) => {
    const [low, mid, high] = [edge(band), edge(band + 1), edge(band + 2)];
    const from = Math.max(0, Math.floor(low / binHz));
    const to = Math.min(bins - 1, Math.ceil(high / binHz));
    const weights = Float64Array.from({ length: to - from + 1 }, (_, i) => {
      const hz = (from + i) * binHz;
      return (Math.max(0, Math.min((hz - low) / (mid - low), (high - hz) / (high - mid))) * 2) / (high - low);
    });
    return { from, weights };
  });
}
