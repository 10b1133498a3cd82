import { productsCode } from "./products-code.ts";

export interface Products {
  /** Places in `floats`. */
  readonly weights: number;
  readonly input: number;
  readonly output: number;
  /** A multiple of 4. */
  readonly rows: number;
  /** Of the input; a multiple of 8. */
  readonly length: number;
  /** From the beginning of one row to that of the next. */
  readonly stride: number;
}

const PAGE_FLOATS = 16_384;

/**
 * Sums of products, as networks and comparisons of sounds need them by the hundred thousand: in WebAssembly, four floats at a time,
 * some eight times as fast as the same loop in JavaScript. What it works on stands in its own memory.
 */
export class ProductMachine {
  readonly floats: Float32Array;
  readonly #products: (...values: number[]) => void;
  #taken = 0;

  constructor(floats: number) {
    const pages = Math.ceil(floats / PAGE_FLOATS);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(productsCode(pages)), {});
    if (!(exports.memory instanceof WebAssembly.Memory) || typeof exports.products !== "function")
      throw new Error("the machine code is not what it was");
    this.floats = new Float32Array(exports.memory.buffer);
    this.#products = exports.products as (...values: number[]) => void;
  }

  /** A place for so many floats, all zero. Throws a RangeError where there is none left. */
  take(floats: number): number {
    const at = this.#taken;
    this.#taken += Math.ceil(floats / 4) * 4;
    if (this.#taken > this.floats.length) throw new RangeError("more floats than were asked for");
    return at;
  }

  /** Adds to each output the sum of its row's weights, each times its input. */
  add({ weights, input, output, rows, length, stride }: Products): void {
    if (rows % 4 !== 0 || length % 8 !== 0) throw new RangeError("4 rows and 8 inputs at a time");
    this.#products(weights * 4, input * 4, output * 4, rows, length * 4, stride * 4);
  }
}
