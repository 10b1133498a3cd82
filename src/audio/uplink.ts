import type { Clock, Timer } from "../base/clock.ts";
import { FRAME_MS, type Frame, type SampleRate, samplesPerFrame } from "./frame.ts";

// Callers with silence suppression send nothing between words; voice activity must see the end of a word all the same.
const SILENT_AFTER_MS = 40;
// A look that comes so late says that this process was held up: what the caller sent meanwhile is there and not read yet.
const LATE_LOOK_MS = 2 * FRAME_MS;
// Phones pack up to 60 ms; what is longer is no packet of a call.
const MAX_PACKET_MS = 200;

/** The incoming half of a MediaStream: whatever comes is cut into 20 ms, and where nothing comes there is silence. Copies nothing twice. */
export class Uplink {
  readonly #clock: Clock;
  readonly #frame: Frame;
  readonly #bytes: Uint8Array;
  readonly #silence: Frame;
  readonly #timer: Timer;
  #listener: (frame: Frame) => void = () => {};
  #filled = 0;
  #lastMs: number;
  #lookedMs: number;
  #refused = 0;
  #inserted = 0;

  constructor({ clock, rate }: { clock: Clock; rate: SampleRate }) {
    this.#clock = clock;
    const pcm = new Int16Array(samplesPerFrame(rate));
    this.#frame = { pcm, rate };
    this.#bytes = new Uint8Array(pcm.buffer);
    this.#silence = { pcm: new Int16Array(pcm.length), rate };
    this.#lastMs = this.#lookedMs = clock.now();
    this.#timer = clock.every(FRAME_MS, () => this.#look());
  }

  /** Packets that were no sound: an odd length, none at all, or too much. */
  get refused(): number {
    return this.#refused;
  }

  /** Frames of silence that stood in for packets that did not come. */
  get inserted(): number {
    return this.#inserted;
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#listener = listener;
  }

  /** 16-bit little-endian samples, as they came. */
  push(data: Uint8Array): void {
    const size = this.#bytes.length;
    if (data.length === 0 || data.length % 2 === 1 || data.length > (size / FRAME_MS) * MAX_PACKET_MS) {
      this.#refused++;
      return;
    }
    this.#lastMs = this.#clock.now();
    for (let at = 0; at < data.length; ) {
      const part = Math.min(size - this.#filled, data.length - at);
      // What comes is seldom aligned for samples, so it is copied as bytes.
      this.#bytes.set(at === 0 && part === data.length ? data : data.subarray(at, at + part), this.#filled);
      this.#filled += part;
      at += part;
      if (this.#filled === size) this.#emit();
    }
  }

  close(): void {
    this.#timer.cancel();
    this.#listener = () => {};
  }

  #look(): void {
    const nowMs = this.#clock.now();
    const late = nowMs - this.#lookedMs >= LATE_LOOK_MS;
    this.#lookedMs = nowMs;
    if (late || nowMs - this.#lastMs < SILENT_AFTER_MS) return;
    this.#inserted++;
    if (this.#filled === 0) {
      this.#listener(this.#silence);
      return;
    }
    this.#bytes.fill(0, this.#filled);
    this.#emit();
  }

  #emit(): void {
    this.#filled = 0;
    this.#listener(this.#frame);
  }
}
