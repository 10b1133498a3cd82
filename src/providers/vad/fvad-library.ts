import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { ProviderError } from "../../conversation/providers.ts";

/** One caller's detector inside the library's memory. */
export interface FvadInstance {
  /** True when the 20 ms in `pcm` hold voice. Throws a RangeError for another length. */
  voiced(pcm: Int16Array): boolean;
  reset(): void;
  /** Once. */
  free(): void;
}

export interface FvadLibrary {
  /** `mode`: 0 (takes anything for voice) to 3 (hard to convince). */
  open(options: { rate: 8000 | 16_000 | 48_000; mode: number }): FvadInstance;
}

type Call = (...values: number[]) => number;

/** The functions of libfvad under the short names that its build gave them, and its memory. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly create: Call;
  readonly allocate: Call;
  readonly reset: Call;
  readonly free: Call;
  readonly release: Call;
  readonly setMode: Call;
  readonly setRate: Call;
  readonly process: Call;
}

/**
 * Loads the library (20 KB) into this thread, synchronously: its own JavaScript loader is asynchronous, while a caller's ear must
 * be open when the first frame arrives.
 */
export function loadFvad(): FvadLibrary {
  const library = instantiate();
  return {
    open({ rate, mode }) {
      const samples = rate / 50;
      const detector = library.create();
      const buffer = library.allocate(samples * 2);
      if (detector === 0 || buffer === 0)
        throw new ProviderError("fvad", "overloaded", "no memory for another detector");
      const configure = (): void => {
        if (library.setMode(detector, mode) !== 0 || library.setRate(detector, rate) !== 0) {
          throw new RangeError(`fvad takes modes 0 to 3 and rates of 8, 16 and 48 kHz, not mode ${mode} at ${rate}`);
        }
      };
      configure();
      let heap = new Int16Array(library.memory.buffer, buffer, samples);
      return {
        voiced(pcm) {
          if (pcm.length !== samples) throw new RangeError(`fvad takes ${samples} samples at once, not ${pcm.length}`);
          // The memory grows when detectors are added; its old views are then empty.
          if (heap.length === 0) heap = new Int16Array(library.memory.buffer, buffer, samples);
          heap.set(pcm);
          return library.process(detector, buffer, samples) === 1;
        },
        reset() {
          library.reset(detector);
          configure();
        },
        free() {
          library.release(detector);
          library.free(buffer);
        },
      };
    },
  };
}

function instantiate(): Exports {
  let memory: WebAssembly.Memory | undefined;
  const imports = {
    a: {
      // A failed assertion inside the library.
      a: () => {
        throw new Error("fvad broke an assertion of its own");
      },
      // "I need so many bytes": 1 when they are there.
      b: (bytes: number) => grow(memory, bytes),
    },
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readLibrary()), imports);
  const found = instance.exports;
  if (!(found.c instanceof WebAssembly.Memory)) throw unexpected();
  memory = found.c;
  const call = (name: string): Call => {
    const value = found[name];
    if (typeof value !== "function") throw unexpected();
    return value as Call;
  };
  call("d")();
  return {
    memory,
    create: call("e"),
    allocate: call("f"),
    reset: call("g"),
    release: call("h"),
    free: call("i"),
    setMode: call("j"),
    setRate: call("k"),
    process: call("l"),
  };
}

function grow(memory: WebAssembly.Memory | undefined, bytes: number): number {
  const LIMIT_BYTES = 64 << 20;
  const missing = bytes - (memory?.buffer.byteLength ?? 0);
  if (!memory || bytes > LIMIT_BYTES) return 0;
  if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
  return 1;
}

function readLibrary(): Uint8Array<ArrayBuffer> {
  try {
    const script = createRequire(import.meta.url).resolve("@echogarden/fvad-wasm");
    return Uint8Array.from(readFileSync(script.replace(/\.js$/, ".wasm")));
  } catch (cause) {
    throw new ProviderError("fvad", "missing", 'the package @echogarden/fvad-wasm cannot be read: run "npm ci"', {
      cause,
    });
  }
}

const unexpected = (): ProviderError =>
  new ProviderError(
    "fvad",
    "missing",
    'this build of @echogarden/fvad-wasm is not the one that was tested: run "npm ci"',
  );
