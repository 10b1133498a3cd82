import type { Clock, Timer } from "../base/clock.ts";
import { randomSource } from "./noise.ts";

/** What the network between the caller and the PBX does to packets, each way by itself. */
export interface NetworkFaults {
  /** Of a hundred packets so many never arrive. */
  readonly lossPercent?: number | undefined;
  /** Every packet takes so long. */
  readonly delayMs?: number | undefined;
  /** And up to so much longer, at random; packets stay in their order, as in a queue that fills and empties. */
  readonly jitterMs?: number | undefined;
  /** Of a hundred packets so many are overtaken by the next one or two. */
  readonly reorderPercent?: number | undefined;
  /** Of a hundred packets so many arrive twice. */
  readonly duplicatePercent?: number | undefined;
  /** The same seed treats the same packets alike. */
  readonly seed?: number | undefined;
}

/** One packet more than it takes to be overtaken. */
const OVERTAKEN_MS = 30;
const TWICE_AFTER_MS = 5;
/** A queue longer than this is a network that is down. */
const MAX_UNDERWAY = 1_000;

/** One direction of a poor network. Packets are not copied: whoever sends one must not write into it again. */
export class PoorNetwork {
  readonly #faults: NetworkFaults;
  readonly #clock: Clock;
  readonly #deliver: (datagram: Uint8Array) => void;
  readonly #random: () => number;
  readonly #underway = new Set<Timer>();
  #lastDueMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  lost = 0;

  constructor(faults: NetworkFaults, { clock, deliver }: { clock: Clock; deliver: (datagram: Uint8Array) => void }) {
    this.#faults = faults;
    this.#clock = clock;
    this.#deliver = deliver;
    this.#random = randomSource(faults.seed ?? 1);
  }

  send(datagram: Uint8Array): void {
    const { lossPercent = 0, delayMs = 0, jitterMs = 0, reorderPercent = 0, duplicatePercent = 0 } = this.#faults;
    // Every packet draws as often, so that one that is lost does not change the fate of those behind it.
    const [loss, jitter, reorder, duplicate] = [this.#random(), this.#random(), this.#random(), this.#random()];
    if (this.#closed) return;
    if (loss * 100 < lossPercent || this.#underway.size >= MAX_UNDERWAY) {
      this.lost += 1;
      return;
    }
    const now = this.#clock.now();
    const inOrder = Math.max(this.#lastDueMs, now + delayMs + jitter * jitterMs);
    const overtaken = reorder * 100 < reorderPercent;
    if (!overtaken) this.#lastDueMs = inOrder;
    const dueMs = overtaken ? inOrder + OVERTAKEN_MS : inOrder;
    this.#at(dueMs - now, datagram);
    if (duplicate * 100 < duplicatePercent) this.#at(dueMs - now + TWICE_AFTER_MS, datagram);
  }

  /** What is under way is lost. May be called twice. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#underway) timer.cancel();
    this.#underway.clear();
  }

  #at(ms: number, datagram: Uint8Array): void {
    if (ms <= 0) {
      this.#deliver(datagram);
      return;
    }
    const timer = this.#clock.after(ms, () => {
      this.#underway.delete(timer);
      this.#deliver(datagram);
    });
    this.#underway.add(timer);
  }
}
