import { fourier } from "../../audio/fourier.ts";
import type { SileroWeights } from "./silero-weights.ts";

/**
 * One caller's Silero v6 network: 32 ms windows in, the probability of speech out. It remembers what it heard (a recurrent
 * layer of 128 cells), so windows come in order, and `reset` comes where they do not join.
 *
 * The network is small (220,000 weights): spectrum of four overlapping blocks, four convolutions, a recurrent layer, one output.
 * Written out here because a general runtime for it takes 30 to 290 MB of disk; docs/decisions/0004 has the figures.
 * Checked against the original model's outputs in test/providers/vad.
 */
export class SileroNet {
  /** Samples a window: 256 at 8 kHz, 512 at 16 kHz. */
  readonly windowSamples: number;
  readonly #weights: SileroWeights;
  readonly #input: Float32Array;
  readonly #spectrum: Spectrum;
  readonly #bins: number;
  // Four blocks and a zero block on either side: the convolution's padding.
  readonly #magnitudes: Float32Array;
  readonly #first = new Float32Array(6 * 128);
  readonly #second = new Float32Array(2 * 64);
  readonly #third = new Float32Array(64);
  // The recurrent layer's input, and behind it its own last output: one product serves both.
  readonly #joined = new Float32Array(256);
  readonly #cells = new Float32Array(128);
  readonly #gates = new Float32Array(512);

  constructor(weights: SileroWeights) {
    this.#weights = weights;
    this.windowSamples = weights.rate === 16_000 ? 512 : 256;
    this.#bins = weights.bins;
    this.#input = new Float32Array((this.windowSamples * 5) / 4);
    this.#spectrum = new Spectrum(this.windowSamples / 2);
    this.#magnitudes = new Float32Array(6 * this.#bins);
  }

  reset(): void {
    this.#input.fill(0);
    this.#joined.fill(0);
    this.#cells.fill(0);
  }

  /** `pcm` from `offset` on: one window of 16-bit samples. Returns 0 to 1. */
  next(pcm: Int16Array, offset = 0): number {
    this.#takeWindow(pcm, offset);
    const w = this.#weights;
    const bins = this.#bins;
    const first = this.#first;
    for (let block = 0; block < 4; block++) {
      const from = block * bins;
      dense({
        weights: w.first,
        bias: w.firstBias,
        input: this.#magnitudes,
        from,
        length: 3 * bins,
        output: first,
        to: (block + 1) * 128,
      });
    }
    for (let block = 0; block < 2; block++) {
      const from = block * 2 * 128;
      dense({
        weights: w.second,
        bias: w.secondBias,
        input: first,
        from,
        length: 384,
        output: this.#second,
        to: block * 64,
      });
    }
    dense({
      weights: w.third,
      bias: w.thirdBias,
      input: this.#second,
      from: 0,
      length: 128,
      output: this.#third,
      to: 0,
    });
    dense({
      weights: w.fourth,
      bias: w.fourthBias,
      input: this.#third,
      from: 0,
      length: 64,
      output: this.#joined,
      to: 0,
    });
    return this.#recall();
  }

  /** The last eighth of the window before, this window, and its mirrored end: five quarters of a window, as blocks of a half. */
  #takeWindow(pcm: Int16Array, offset: number): void {
    const input = this.#input;
    const size = this.windowSamples;
    const context = size / 8;
    input.copyWithin(0, size, size + context);
    for (let i = 0; i < size; i++) input[context + i] = (pcm[offset + i] ?? 0) / 32_768;
    const end = context + size;
    for (let i = 0; i < context; i++) input[end + i] = input[end - 2 - i] ?? 0;
    for (let block = 0; block < 4; block++) {
      this.#spectrum.magnitudes(input, (block * size) / 4, this.#magnitudes, (block + 1) * this.#bins);
    }
  }

  /** A step of the recurrent layer (gates in, forget, cell, out) and the output behind it. */
  #recall(): number {
    const { gates, gatesBias, output, outputBias } = this.#weights;
    const sums = this.#gates;
    affine({ weights: gates, bias: gatesBias, input: this.#joined, from: 0, length: 256, output: sums, to: 0 });
    let sum = outputBias;
    for (let i = 0; i < 128; i++) {
      const kept = sigmoid(sums[128 + i] ?? 0) * (this.#cells[i] ?? 0);
      const cell = kept + sigmoid(sums[i] ?? 0) * Math.tanh(sums[256 + i] ?? 0);
      const out = sigmoid(sums[384 + i] ?? 0) * Math.tanh(cell);
      this.#cells[i] = cell;
      this.#joined[128 + i] = out;
      if (out > 0) sum += out * (output[i] ?? 0);
    }
    return sigmoid(sum);
  }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

interface Product {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly input: Float32Array;
  readonly from: number;
  /** Inputs of one output. */
  readonly length: number;
  readonly output: Float32Array;
  readonly to: number;
}

/** One output per bias: its row of weights times the input, nothing below zero. */
function dense(product: Product): void {
  affine(product);
  const { output, to, bias } = product;
  for (let i = to; i < to + bias.length; i++) if ((output[i] ?? 0) < 0) output[i] = 0;
}

function affine({ weights, bias, input, from, length, output, to }: Product): void {
  const rows = bias.length;
  const whole = length - (length % 4);
  for (let row = 0; row < rows; row++) {
    const start = row * length;
    // Four sums that do not wait for one another: twice as fast as one.
    let [a, b, c, d] = [bias[row] ?? 0, 0, 0, 0];
    let i = 0;
    for (; i < whole; i += 4) {
      a += (weights[start + i] as number) * (input[from + i] as number);
      b += (weights[start + i + 1] as number) * (input[from + i + 1] as number);
      c += (weights[start + i + 2] as number) * (input[from + i + 2] as number);
      d += (weights[start + i + 3] as number) * (input[from + i + 3] as number);
    }
    for (; i < length; i++) a += (weights[start + i] as number) * (input[from + i] as number);
    output[to + row] = a + b + c + d;
  }
}

/** Magnitudes of a real block under a Hann window. */
class Spectrum {
  readonly #window: Float64Array;
  readonly #transform: (real: Float64Array, imaginary: Float64Array) => void;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;

  constructor(size: number) {
    this.#window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.#transform = fourier(size);
    this.#real = new Float64Array(size);
    this.#imaginary = new Float64Array(size);
  }

  /** Writes one magnitude more than half a block has samples to `output`, from `to` on. */
  magnitudes(input: Float32Array, from: number, output: Float32Array, to: number): void {
    const [real, imaginary, window] = [this.#real, this.#imaginary, this.#window];
    for (let i = 0; i < window.length; i++) real[i] = (input[from + i] as number) * (window[i] as number);
    imaginary.fill(0);
    this.#transform(real, imaginary);
    for (let bin = 0; bin <= window.length / 2; bin++) {
      const [x, y] = [real[bin] as number, imaginary[bin] as number];
      output[to + bin] = Math.sqrt(x * x + y * y);
    }
  }
}
