import { fourier } from "../../audio/fourier.ts";
import { ProductMachine } from "../../audio/products.ts";
import type { SileroWeights } from "./silero-weights.ts";

const BLOCKS = 4;
const CELLS = 128;
/** For what lies between the layers. */
const WORK_FLOATS = 4096;
/** The machine takes eight inputs at a time. */
const eights = (count: number): number => Math.ceil(count / 8) * 8;

/** A layer: one output per bias, each its row of weights times the input. */
interface Layer {
  readonly weights: number;
  readonly bias: Float32Array;
  readonly length: number;
}

/** What the network remembers of one caller. */
export interface SileroMemory {
  /** The last eighth of the window before. */
  readonly context: Float32Array;
  readonly cells: Float32Array;
  readonly said: Float32Array;
}

/** The network of one rate, for all callers of a thread: its weights, and room to work. What a caller has said stands in `SileroNet`. */
export class SileroModel {
  /** Samples a window: 256 at 8 kHz, 512 at 16 kHz. */
  readonly windowSamples: number;
  readonly #bins: number;
  readonly #machine: ProductMachine;
  readonly #floats: Float32Array;
  readonly #spectrum: Spectrum;
  readonly #input: Float32Array;
  readonly #layers: readonly [Layer, Layer, Layer, Layer, Layer];
  readonly #output: Float32Array;
  readonly #outputBias: number;
  // Four blocks and a zero block on either side: the convolution's padding.
  readonly #magnitudes: number;
  readonly #first: number;
  readonly #second: number;
  readonly #third: number;
  // The recurrent layer's input, and behind it its own last output: one product serves both.
  readonly #joined: number;
  readonly #gates: number;

  constructor(weights: SileroWeights) {
    const { bins } = weights;
    this.windowSamples = weights.rate === 16_000 ? 512 : 256;
    this.#bins = bins;
    this.#input = new Float32Array((this.windowSamples * 5) / 4);
    this.#spectrum = new Spectrum(this.windowSamples / 2);
    this.#output = weights.output;
    this.#outputBias = weights.outputBias;
    const rows = eights(3 * bins) * 128 + 384 * 64 + 128 * 64 + 64 * CELLS + 2 * CELLS * 4 * CELLS;
    this.#machine = new ProductMachine(rows + WORK_FLOATS);
    this.#floats = this.#machine.floats;
    this.#layers = [
      this.#layer(weights.first, weights.firstBias),
      this.#layer(weights.second, weights.secondBias),
      this.#layer(weights.third, weights.thirdBias),
      this.#layer(weights.fourth, weights.fourthBias),
      this.#layer(weights.gates, weights.gatesBias),
    ];
    // The last block's product reads past its own, times nothing.
    this.#magnitudes = this.#machine.take((BLOCKS + 2) * bins + 8);
    this.#first = this.#machine.take((BLOCKS + 2) * 128);
    this.#second = this.#machine.take(2 * 64);
    this.#third = this.#machine.take(64);
    this.#joined = this.#machine.take(2 * CELLS);
    this.#gates = this.#machine.take(4 * CELLS);
  }

  /** One window of a caller's. Returns 0 to 1, and leaves in `memory` what the next window wants to know. */
  next(pcm: Int16Array, offset: number, memory: SileroMemory): number {
    this.#takeWindow(pcm, offset, memory.context);
    const [first, second, third, fourth] = this.#layers;
    for (let block = 0; block < BLOCKS; block++)
      this.#dense(first, this.#magnitudes + block * this.#bins, this.#first + (block + 1) * 128);
    for (let block = 0; block < 2; block++) this.#dense(second, this.#first + block * 256, this.#second + block * 64);
    this.#dense(third, this.#second, this.#third);
    this.#dense(fourth, this.#third, this.#joined);
    return this.#recall(memory);
  }

  #layer(weights: Float32Array, bias: Float32Array): Layer {
    const length = weights.length / bias.length;
    const place = this.#machine.take(eights(length) * bias.length);
    for (let row = 0; row < bias.length; row++)
      this.#floats.set(weights.subarray(row * length, (row + 1) * length), place + row * eights(length));
    return { weights: place, bias, length: eights(length) };
  }

  #affine({ weights, bias, length }: Layer, input: number, output: number): void {
    this.#floats.set(bias, output);
    this.#machine.add({ weights, input, output, rows: bias.length, length, stride: length });
  }

  /** Nothing below zero. */
  #dense(layer: Layer, input: number, output: number): void {
    this.#affine(layer, input, output);
    const floats = this.#floats;
    for (let i = output; i < output + layer.bias.length; i++) if ((floats[i] as number) < 0) floats[i] = 0;
  }

  /** The last eighth of the window before, this window, and its mirrored end: five quarters of a window, as blocks of a half. */
  #takeWindow(pcm: Int16Array, offset: number, before: Float32Array): void {
    const input = this.#input;
    const size = this.windowSamples;
    const context = before.length;
    input.set(before);
    for (let i = 0; i < size; i++) input[context + i] = (pcm[offset + i] as number) / 32_768;
    const end = context + size;
    before.set(input.subarray(size, end));
    for (let i = 0; i < context; i++) input[end + i] = input[end - 2 - i] as number;
    for (let block = 0; block < BLOCKS; block += 2) {
      const to = this.#magnitudes + (block + 1) * this.#bins;
      this.#spectrum.magnitudes(input, { from: (block * size) / 4, step: size / 4 }, this.#floats, to);
    }
  }

  /** A step of the recurrent layer (gates in, forget, cell, out) and the output behind it. */
  #recall({ cells, said }: SileroMemory): number {
    const floats = this.#floats;
    const sums = this.#gates;
    floats.set(said, this.#joined + CELLS);
    this.#affine(this.#layers[4], this.#joined, sums);
    let sum = this.#outputBias;
    for (let i = 0; i < CELLS; i++) {
      const kept = sigmoid(floats[sums + CELLS + i] as number) * (cells[i] as number);
      const cell = kept + sigmoid(floats[sums + i] as number) * tanh(floats[sums + 2 * CELLS + i] as number);
      const out = sigmoid(floats[sums + 3 * CELLS + i] as number) * tanh(cell);
      cells[i] = cell;
      said[i] = out;
      if (out > 0) sum += out * (this.#output[i] as number);
    }
    return sigmoid(sum);
  }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** Half as dear as the language's own, and as exact as the weights are. */
const tanh = (x: number): number => 2 / (1 + Math.exp(-2 * x)) - 1;

/** Magnitudes of real blocks under a Hann window. */
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

  /**
   * Two blocks, the second one `step` behind the first: one more magnitude each than half a block has samples, to `output` from
   * `to` on. One transform serves both, as the real and the imaginary part of its input; its symmetry takes them apart again.
   */
  magnitudes(
    input: Float32Array,
    { from, step }: { from: number; step: number },
    output: Float32Array,
    to: number,
  ): void {
    const [real, imaginary, window] = [this.#real, this.#imaginary, this.#window];
    const size = window.length;
    for (let i = 0; i < size; i++) {
      real[i] = (input[from + i] as number) * (window[i] as number);
      imaginary[i] = (input[from + step + i] as number) * (window[i] as number);
    }
    this.#transform(real, imaginary);
    const bins = size / 2 + 1;
    for (let bin = 0; bin < bins; bin++) {
      const mirror = (size - bin) & (size - 1);
      const [x, y] = [real[bin] as number, imaginary[bin] as number];
      const [u, v] = [real[mirror] as number, imaginary[mirror] as number];
      output[to + bin] = Math.sqrt((x + u) ** 2 + (y - v) ** 2) / 2;
      output[to + bins + bin] = Math.sqrt((y + v) ** 2 + (x - u) ** 2) / 2;
    }
  }
}
