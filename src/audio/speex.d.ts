// The package brings no types; these are the functions of speex_resampler.h that we call, compiled to WebAssembly.
declare module "@echogarden/speex-resampler-wasm/simd" {
  export interface SpeexModule {
    /** Replaced when the memory grows: never keep it. */
    readonly HEAP16: Int16Array;
    readonly HEAP32: Int32Array;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    _speex_resampler_init(channels: number, inHz: number, outHz: number, quality: number, error: number): number;
    _speex_resampler_destroy(state: number): void;
    _speex_resampler_skip_zeros(state: number): number;
    _speex_resampler_reset_mem(state: number): number;
    _speex_resampler_get_input_latency(state: number): number;
    _speex_resampler_process_int(
      state: number,
      channel: number,
      input: number,
      inLength: number,
      output: number,
      outLength: number,
    ): number;
  }
  // biome-ignore lint/style/noDefaultExport: the package exports it so.
  export default function load(): Promise<SpeexModule>;
}
