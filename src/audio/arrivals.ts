import type { Clock, Timer } from "../base/clock.ts";
import { FRAME_MS, type SampleRate } from "./frame.ts";

// Sound that is older than this when it comes is no use to a conversation any more.
const KEEP_MS = 500;
// After so long without a packet, the next may be the first of a backlog.
const GAP_MS = 100;
// A backlog comes as fast as it can be read; what comes in its own time is 20 ms apart.
const QUIET_MS = 5;
// Phones pack up to 60 ms.
const MAX_PACKET_MS = 60;

/**
 * Judges by the rate at which a caller's sound arrives how old it is: packets carry no time. What comes faster than it was
 * spoken has waited somewhere. Of such a backlog the newest 500 ms are passed on when it has ended, all before is forgotten.
 */
export class Arrivals {
  readonly #clock: Clock;
  readonly #deliver: (data: Uint8Array) => void;
  readonly #bytesPerMs: number;
  /** The newest of a backlog. Made with the first one: most calls never have any. */
  #kept: Uint8Array[] | undefined;
  readonly #sizes: number[] = [];
  #first = 0;
  #count = 0;
  #gathering = false;
  #lastMs: number;
  /** How much more sound than time has come lately. */
  #aheadMs = 0;
  #stale = 0;
  #timer: Timer | undefined;

  constructor(options: { clock: Clock; rate: SampleRate; deliver: (data: Uint8Array) => void }) {
    this.#clock = options.clock;
    this.#deliver = options.deliver;
    this.#bytesPerMs = (options.rate * 2) / 1000;
    this.#lastMs = options.clock.now();
  }

  /** Packets that were too old and are forgotten. */
  get stale(): number {
    return this.#stale;
  }

  /** False: no sound of a call. Whole 10 ms, at most 60, as codecs pack it. The data is copied or passed on before this returns. */
  push(data: Uint8Array): boolean {
    const ms = data.length / this.#bytesPerMs;
    if (ms === 0 || ms > MAX_PACKET_MS || ms % 10 !== 0) return false;
    const nowMs = this.#clock.now();
    const gapMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#aheadMs = Math.max(0, this.#aheadMs - gapMs) + ms;
    if (!this.#gathering && gapMs < GAP_MS && this.#aheadMs <= KEEP_MS) {
      this.#deliver(data);
      return true;
    }
    this.#keep(data);
    if (!this.#gathering) this.#gather();
    return true;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#gathering = false;
    this.#count = 0;
  }

  #keep(data: Uint8Array): void {
    this.#kept ??= Array.from({ length: KEEP_MS / FRAME_MS }, () => new Uint8Array(MAX_PACKET_MS * this.#bytesPerMs));
    const kept = this.#kept;
    if (this.#count === kept.length) {
      this.#first = (this.#first + 1) % kept.length;
      this.#count--;
      this.#stale++;
    }
    const at = (this.#first + this.#count++) % kept.length;
    kept[at]?.set(data);
    this.#sizes[at] = data.length;
  }

  #gather(): void {
    this.#gathering = true;
    this.#timer = this.#clock.after(QUIET_MS, () => {
      if (this.#clock.now() - this.#lastMs < QUIET_MS) this.#gather();
      else this.#release();
    });
  }

  #release(): void {
    this.#gathering = false;
    this.#timer = undefined;
    this.#aheadMs = 0;
    for (; this.#count > 0; this.#count--) {
      const packet = this.#kept?.[this.#first];
      const size = this.#sizes[this.#first] ?? 0;
      this.#first = (this.#first + 1) % (this.#kept?.length ?? 1);
      if (packet) this.#deliver(packet.subarray(0, size));
    }
  }
}
