import loadSpeex, { type SpeexModule } from "@echogarden/speex-resampler-wasm/simd";

/** A stream of mono samples from one rate to another. What it returns is valid until the next call: copy what is kept. */
export interface Resampler {
  /** Any number of samples; the answer comes in pieces of uneven length. */
  process(pcm: Int16Array): Int16Array;
  /** What is still inside, so that in all as much time came out as went in. The next `process` begins a new stream. */
  flush(): Int16Array;
  /** Frees its memory. May be called twice. */
  close(): void;
}

export interface Resampling {
  /** The same rate twice costs nothing. */
  open(rates: { from: number; to: number }): Resampler;
}

// 0 to 10. 5 keeps what a line cannot carry more than 75 dB down, at 3 to 8 µs a frame between the usual rates.
const QUALITY = 5;
const CHUNK = 960;

/** Loads the Speex resampler; once is enough for a process. */
export async function loadResampling(): Promise<Resampling> {
  const speex = await loadSpeex();
  return { open: ({ from, to }) => (from === to ? identity : new SpeexResampler(speex, { from, to })) };
}

const nothing = new Int16Array(0);

const identity: Resampler = { process: (pcm) => pcm, flush: () => nothing, close: () => {} };

class SpeexResampler implements Resampler {
  readonly #speex: SpeexModule;
  readonly #from: number;
  readonly #to: number;
  readonly #state: number;
  /** In the module's memory: two lengths, then the samples that go in, then those that come out. */
  readonly #memory: number;
  readonly #outChunk: number;
  #out = new Int16Array(0);
  #taken = 0;
  #given = 0;
  #closed = false;

  constructor(speex: SpeexModule, { from, to }: { from: number; to: number }) {
    for (const hz of [from, to]) {
      if (!Number.isInteger(hz) || hz < 4000 || hz > 192_000)
        throw new RangeError(`${hz} samples a second cannot be resampled`);
    }
    this.#speex = speex;
    this.#from = from;
    this.#to = to;
    this.#outChunk = Math.ceil((CHUNK * to) / from) + 8;
    this.#memory = speex._malloc(8 + 2 * (CHUNK + this.#outChunk));
    this.#state = speex._speex_resampler_init(1, from, to, QUALITY, 0);
    if (this.#memory === 0 || this.#state === 0) throw new Error("the resampler got no memory");
    this.#begin();
  }

  process(pcm: Int16Array): Int16Array {
    if (this.#closed) return nothing;
    this.#reserve(pcm.length);
    let given = 0;
    for (let at = 0; at < pcm.length; at += CHUNK) given += this.#chunk(pcm.subarray(at, at + CHUNK), given);
    this.#taken += pcm.length;
    this.#given += given;
    return this.#out.subarray(0, given);
  }

  flush(): Int16Array {
    if (this.#closed) return nothing;
    const missing = Math.max(0, Math.round((this.#taken * this.#to) / this.#from) - this.#given);
    const tail = this.process(new Int16Array(this.#speex._speex_resampler_get_input_latency(this.#state) + 2));
    this.#begin();
    return tail.subarray(0, missing);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#speex._speex_resampler_destroy(this.#state);
    this.#speex._free(this.#memory);
  }

  #begin(): void {
    this.#speex._speex_resampler_reset_mem(this.#state);
    // Without this a stream would begin with the filter's delay, in silence.
    this.#speex._speex_resampler_skip_zeros(this.#state);
    this.#taken = this.#given = 0;
  }

  #reserve(samples: number): void {
    const needed = Math.ceil((samples * this.#to) / this.#from) + 16;
    if (this.#out.length < needed) this.#out = new Int16Array(needed);
  }

  /** Resamples at most CHUNK samples into `#out` from `at` on; returns how many came out. */
  #chunk(pcm: Int16Array, at: number): number {
    const speex = this.#speex;
    const input = this.#memory + 8;
    const output = input + 2 * CHUNK;
    speex.HEAP32[this.#memory / 4] = pcm.length;
    speex.HEAP32[this.#memory / 4 + 1] = this.#outChunk;
    speex.HEAP16.set(pcm, input / 2);
    speex._speex_resampler_process_int(this.#state, 0, input, this.#memory, output, this.#memory + 4);
    const given = speex.HEAP32[this.#memory / 4 + 1] ?? 0;
    this.#out.set(speex.HEAP16.subarray(output / 2, output / 2 + given), at);
    return given;
  }
}
