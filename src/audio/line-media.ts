import type { Clock } from "../base/clock.ts";
import type { Frame, SampleRate } from "./frame.ts";
import { type FarSide, Playout, type SentListener } from "./playout.ts";
import type { MediaStream } from "./stream.ts";
import { Uplink } from "./uplink.ts";

const QUEUE_MS = 1000;

/** Both halves of a call's sound over one sink. */
export class LineMedia implements MediaStream {
  readonly rate: SampleRate;
  readonly #playout: Playout;
  readonly #uplink: Uplink;

  constructor({ clock, rate, ...farSide }: FarSide & { clock: Clock; rate: SampleRate }) {
    this.rate = rate;
    this.#playout = new Playout({ clock, rate, queueMs: QUEUE_MS, ...farSide });
    this.#uplink = new Uplink({ clock, rate });
  }

  start(): void {
    this.#playout.start();
  }

  /** Sound from the caller: 16-bit little-endian. */
  received(data: Uint8Array): void {
    this.#uplink.push(data);
  }

  get refusedPackets(): number {
    return this.#uplink.refused;
  }

  /** As Playout's. */
  get lateFrames(): number {
    return this.#playout.late;
  }

  /** The outgoing half goes another way from now on. As Playout's. */
  redirect(farSide: FarSide, deadSinceMs?: number): void {
    this.#playout.redirect(farSide, deadSinceMs);
  }

  get heardMs(): number {
    return this.#playout.heardMs;
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#uplink.onFrame(listener);
  }

  onSent(listener: SentListener): void {
    this.#playout.onSent(listener);
  }

  write(frame: Frame): boolean {
    return this.#playout.write(frame);
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#playout.room(signal);
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#playout.drained(signal);
  }

  hold(): void {
    this.#playout.hold();
  }

  resume(): void {
    this.#playout.resume();
  }

  clear(): number {
    return this.#playout.clear();
  }

  close(): void {
    this.#playout.close();
    this.#uplink.close();
  }
}
