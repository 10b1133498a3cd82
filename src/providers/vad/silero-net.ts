import type { SileroMemory, SileroModel } from "./silero-model.ts";

const CELLS = 128;

/**
 * One caller's Silero v6 network: 32 ms windows in, the probability of speech out. It remembers what it heard (a recurrent
 * layer of 128 cells), so windows come in order, and `reset` comes where they do not join.
 *
 * The network is small (220,000 weights): spectrum of four overlapping blocks, four convolutions, a recurrent layer, one output.
 * Written out here because a general runtime for it takes 30 to 290 MB of disk; docs/decisions/0004 has the figures.
 * Checked against the original model's outputs in test/providers/vad.
 */
export class SileroNet {
  readonly windowSamples: number;
  readonly #model: SileroModel;
  readonly #memory: SileroMemory;

  constructor(model: SileroModel) {
    this.#model = model;
    this.windowSamples = model.windowSamples;
    this.#memory = {
      context: new Float32Array(model.windowSamples / 8),
      cells: new Float32Array(CELLS),
      said: new Float32Array(CELLS),
    };
  }

  reset(): void {
    const { context, cells, said } = this.#memory;
    for (const one of [context, cells, said]) one.fill(0);
  }

  /** `pcm` from `offset` on: one window of 16-bit samples. Returns 0 to 1. Throws a RangeError where there is no whole window. */
  next(pcm: Int16Array, offset = 0): number {
    if (offset + this.windowSamples > pcm.length) throw new RangeError("no whole window");
    return this.#model.next(pcm, offset, this.#memory);
  }
}
