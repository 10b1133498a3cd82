const SIZE = 400;
const FACTORS = [4, 4, 5, 5] as const;

interface Complex {
  real: Float64Array;
  imaginary: Float64Array;
}

interface Pass {
  readonly radix: 4 | 5;
  /** How far apart the values of one small transform lie, and how many transforms stand side by side. */
  readonly count: number;
  readonly stride: number;
  /** The turns after it: `radix - 1` for each of `count`. */
  readonly turns: Complex;
}

const complex = (size: number): Complex => ({ real: new Float64Array(size), imaginary: new Float64Array(size) });

/**
 * The discrete Fourier transform of 400 complex numbers, which is no power of two: two passes by four, two by five (Stockham's order, which
 * needs no sorting). The numbers are written into `input`; the answer lies in what `run` returns, until the next call.
 */
export class Fourier400 {
  readonly #passes = passes();
  readonly #spare = complex(SIZE);
  readonly input = complex(SIZE);

  run(): Complex {
    let [from, to] = [this.input, this.#spare];
    for (const pass of this.#passes) {
      if (pass.radix === 4) byFour(from, to, pass);
      else byFive(from, to, pass);
      [from, to] = [to, from];
    }
    return from;
  }
}

function passes(): Pass[] {
  let [length, stride] = [SIZE, 1];
  return FACTORS.map((radix) => {
    const count = length / radix;
    const turns = complex(count * (radix - 1));
    for (let p = 0; p < count; p++) {
      for (let k = 1; k < radix; k++) {
        const angle = (-2 * Math.PI * p * k) / length;
        turns.real[p * (radix - 1) + k - 1] = Math.cos(angle);
        turns.imaginary[p * (radix - 1) + k - 1] = Math.sin(angle);
      }
    }
    const pass = { radix, count, stride, turns };
    length = count;
    stride *= radix;
    return pass;
  });
}

function byFour(from: Complex, to: Complex, { count, stride, turns }: Pass): void {
  const [re, im] = [from.real, from.imaginary];
  const step = count * stride;
  for (let p = 0; p < count; p++) {
    for (let q = 0; q < stride; q++) {
      const at = q + p * stride;
      const [b, c, d] = [at + step, at + 2 * step, at + 3 * step];
      const evenRe = (re[at] as number) + (re[c] as number);
      const evenIm = (im[at] as number) + (im[c] as number);
      const evenReLess = (re[at] as number) - (re[c] as number);
      const evenImLess = (im[at] as number) - (im[c] as number);
      const oddRe = (re[b] as number) + (re[d] as number);
      const oddIm = (im[b] as number) + (im[d] as number);
      const oddReLess = (re[b] as number) - (re[d] as number);
      const oddImLess = (im[b] as number) - (im[d] as number);
      const out = q + p * 4 * stride;
      to.real[out] = evenRe + oddRe;
      to.imaginary[out] = evenIm + oddIm;
      const turn = p * 3;
      put(to, out + stride, evenReLess + oddImLess, evenImLess - oddReLess, turns, turn);
      put(to, out + 2 * stride, evenRe - oddRe, evenIm - oddIm, turns, turn + 1);
      put(to, out + 3 * stride, evenReLess - oddImLess, evenImLess + oddReLess, turns, turn + 2);
    }
  }
}

const C1 = Math.cos((2 * Math.PI) / 5);
const C2 = Math.cos((4 * Math.PI) / 5);
const S1 = Math.sin((2 * Math.PI) / 5);
const S2 = Math.sin((4 * Math.PI) / 5);

function byFive(from: Complex, to: Complex, { count, stride, turns }: Pass): void {
  const [re, im] = [from.real, from.imaginary];
  const step = count * stride;
  for (let p = 0; p < count; p++) {
    for (let q = 0; q < stride; q++) {
      const at = q + p * stride;
      const [b, c, d, e] = [at + step, at + 2 * step, at + 3 * step, at + 4 * step];
      const [re0, im0] = [re[at] as number, im[at] as number];
      // The outer pair and the inner pair, added and subtracted: cosines go with the sums, sines with the differences.
      const outerRe = (re[b] as number) + (re[e] as number);
      const outerIm = (im[b] as number) + (im[e] as number);
      const outerReLess = (re[b] as number) - (re[e] as number);
      const outerImLess = (im[b] as number) - (im[e] as number);
      const innerRe = (re[c] as number) + (re[d] as number);
      const innerIm = (im[c] as number) + (im[d] as number);
      const innerReLess = (re[c] as number) - (re[d] as number);
      const innerImLess = (im[c] as number) - (im[d] as number);
      const firstRe = re0 + C1 * outerRe + C2 * innerRe;
      const firstIm = im0 + C1 * outerIm + C2 * innerIm;
      const secondRe = re0 + C2 * outerRe + C1 * innerRe;
      const secondIm = im0 + C2 * outerIm + C1 * innerIm;
      const firstReTurn = S1 * outerReLess + S2 * innerReLess;
      const firstImTurn = S1 * outerImLess + S2 * innerImLess;
      const secondReTurn = S2 * outerReLess - S1 * innerReLess;
      const secondImTurn = S2 * outerImLess - S1 * innerImLess;
      const out = q + p * 5 * stride;
      to.real[out] = re0 + outerRe + innerRe;
      to.imaginary[out] = im0 + outerIm + innerIm;
      const turn = p * 4;
      put(to, out + stride, firstRe + firstImTurn, firstIm - firstReTurn, turns, turn);
      put(to, out + 2 * stride, secondRe + secondImTurn, secondIm - secondReTurn, turns, turn + 1);
      put(to, out + 3 * stride, secondRe - secondImTurn, secondIm + secondReTurn, turns, turn + 2);
      put(to, out + 4 * stride, firstRe - firstImTurn, firstIm + firstReTurn, turns, turn + 3);
    }
  }
}

function put(to: Complex, at: number, re: number, im: number, turns: Complex, turn: number): void {
  const c = turns.real[turn] as number;
  const s = turns.imaginary[turn] as number;
  to.real[at] = re * c - im * s;
  to.imaginary[at] = re * s + im * c;
}
