/** The discrete Fourier transform of `size` complex numbers, in place. `size` is a power of two; throws a RangeError otherwise. */
export function fourier(size: number): (real: Float64Array, imaginary: Float64Array) => void {
  if (!Number.isInteger(Math.log2(size))) throw new RangeError(`${size} is no power of two`);
  const cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
  const sines = Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
  return (real, imaginary) => {
    reverseBits(real, imaginary);
    for (let half = 1; half < size; half *= 2) butterflies({ real, imaginary, half, cosines, sines });
  };
}

interface Stage {
  real: Float64Array;
  imaginary: Float64Array;
  half: number;
  cosines: Float64Array;
  sines: Float64Array;
}

function butterflies({ real, imaginary, half, cosines, sines }: Stage): void {
  const step = cosines.length / half;
  for (let start = 0; start < real.length; start += half * 2) {
    for (let i = start, turn = 0; i < start + half; i++, turn += step) {
      const j = i + half;
      const [c, s] = [cosines[turn] as number, sines[turn] as number];
      const re = (real[j] as number) * c - (imaginary[j] as number) * s;
      const im = (real[j] as number) * s + (imaginary[j] as number) * c;
      real[j] = (real[i] as number) - re;
      imaginary[j] = (imaginary[i] as number) - im;
      real[i] = (real[i] as number) + re;
      imaginary[i] = (imaginary[i] as number) + im;
    }
  }
}

function reverseBits(real: Float64Array, imaginary: Float64Array): void {
  for (let i = 1, j = 0; i < real.length; i++) {
    let bit = real.length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [real[i], real[j]] = [real[j] as number, real[i] as number];
    [imaginary[i], imaginary[j]] = [imaginary[j] as number, imaginary[i] as number];
  }
}
