import type { Frame, SampleRate } from "../../../audio/frame.ts";
import { Framer } from "../../../audio/framer.ts";
import { ulaw } from "../../../audio/g711.ts";
import { loadResampling, type Resampler, type Resampling } from "../../../audio/resample.ts";

/** How a provider's bytes are to be read. */
export interface Coding {
  readonly kind: "pcm" | "mulaw";
  readonly rate: number;
}

let resampling: Promise<Resampling> | undefined;

/** Loads the resampler, once for the process; nothing where the rates are the same. */
export async function resamplerFor(coding: Coding, rate: SampleRate): Promise<Resampler | undefined> {
  if (coding.rate === rate) return undefined;
  return (await resamplingLoaded()).open({ from: coding.rate, to: rate });
}

/** The resampler of the process, loaded by whoever is the first to want it. */
export function resamplingLoaded(): Promise<Resampling> {
  resampling ??= loadResampling();
  return resampling;
}

/** A provider's sound as frames of the call's rate, in whatever pieces it comes. */
export class Sound {
  readonly #coding: Coding;
  readonly #framer: Framer;
  readonly #resampler: Resampler | undefined;
  /** Half a sample, whose other half comes with the next piece. */
  #odd: number | undefined;
  #samples = 0;

  constructor(coding: Coding, rate: SampleRate, resampler: Resampler | undefined, { atOnce = 1 } = {}) {
    this.#coding = coding;
    this.#framer = new Framer(rate, { atOnce });
    this.#resampler = resampler;
  }

  /** How much came so far, in ms. */
  get ms(): number {
    return (this.#samples * 1000) / this.#coding.rate;
  }

  /** The frames that are full now. */
  *push(bytes: Uint8Array): Generator<Frame, void, undefined> {
    const pcm = this.#coding.kind === "mulaw" ? decoded(bytes) : this.#whole(bytes);
    this.#samples += pcm.length;
    yield* this.#framer.push(this.#resampler?.process(pcm) ?? pcm);
  }

  /** The rest; the last frame may be shorter. */
  *end(): Generator<Frame, void, undefined> {
    const rest = this.#resampler?.flush();
    if (rest) yield* this.#framer.push(rest);
    const last = this.#framer.flush();
    if (last) yield last;
  }

  close(): void {
    this.#resampler?.close();
  }

  #whole(bytes: Uint8Array): Int16Array {
    const odd = this.#odd === undefined ? 0 : 1;
    const pcm = new Int16Array((bytes.length + odd) >> 1);
    const out = new Uint8Array(pcm.buffer);
    if (this.#odd !== undefined && out.length > 0) out[0] = this.#odd;
    const taken = Math.max(0, out.length - odd);
    out.set(bytes.subarray(0, taken), odd);
    if (taken < bytes.length) this.#odd = bytes[taken];
    else if (out.length > 0) this.#odd = undefined;
    return pcm;
  }
}

function decoded(bytes: Uint8Array): Int16Array {
  const pcm = new Int16Array(bytes.length);
  ulaw.decode(bytes, pcm);
  return pcm;
}
