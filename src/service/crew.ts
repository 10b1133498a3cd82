import { createHash } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Siblings } from "../call/siblings.ts";
import type { SiblingState } from "../supervisor/protocol.ts";

export interface CrewOptions {
  readonly clock: Clock;
  /** How many workers there are to be. */
  readonly size: () => number;
  readonly pid: number;
  /** How many calls this worker has. */
  readonly calls: () => number;
  /** Whether it takes new ones. */
  readonly taking: () => boolean;
  /** How many a worker may have. */
  readonly callsPerWorker: () => number;
  /** Lets one of this host's workers alone have what was offered. */
  readonly claim: (offer: string) => Promise<boolean>;
}

/** A call that was offered this long ago shows in its worker's own count. */
const ASSIGNED_MS = 300;
/** One call more is chance, and no reason to send anybody on. */
const UNEVEN = 2;

/** All workers of this service, as the supervisor last told of them: what they have, and whose turn the next call is. */
export class Crew implements Siblings {
  readonly #options: CrewOptions;
  /** Calls that were somebody's to take, and may not be counted yet. */
  readonly #assigned: { readonly pid: number; readonly atMs: number }[] = [];
  #others: readonly SiblingState[] = [];
  /** Where other hosts hear of the same calls: lets one of them alone have what was offered. */
  betweenHosts: (offer: string) => Promise<boolean> = async () => true;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  update(workers: readonly SiblingState[]): void {
    this.#others = workers.filter(({ pid }) => pid !== this.#options.pid);
  }

  get size(): number {
    return this.#options.size();
  }

  get others(): readonly SiblingState[] {
    return this.#others;
  }

  get othersTake(): boolean {
    return this.#others.some(({ taking }) => taking);
  }

  /** This worker, as the others are told of it. */
  get own(): Omit<SiblingState, "slot"> {
    const { pid, calls, taking } = this.#options;
    return { pid, calls: calls(), taking: taking() };
  }

  /** Calls that are up in all workers, as far as is known here. */
  get calls(): number {
    return this.#options.calls() + this.#others.reduce((sum, { calls }) => sum + calls, 0);
  }

  async claim(offer: string, toAll: boolean): Promise<boolean> {
    return (await this.#options.claim(offer)) && (!toAll || (await this.betweenHosts(offer)));
  }

  get burden(): "even" | "more" | "full" {
    const least = Math.min(...this.#others.flatMap(({ taking, calls }) => (taking ? [calls] : [])));
    const [own, limit] = [this.#options.calls(), this.#options.callsPerWorker()];
    if (own >= limit && least < limit) return "full";
    return own >= least + UNEVEN ? "more" : "even";
  }

  turnFor(call: string): number {
    const { pid, calls, callsPerWorker, clock } = this.#options;
    const nowMs = clock.now();
    while (this.#assigned[0] && nowMs - this.#assigned[0].atMs >= ASSIGNED_MS) this.#assigned.shift();
    const limit = callsPerWorker();
    const all = [{ pid, calls: calls() }, ...this.#others.filter(({ taking }) => taking)].map((worker) => {
      const load = worker.calls + this.#assigned.filter((assigned) => assigned.pid === worker.pid).length;
      return { pid: worker.pid, load, full: load >= limit, lot: lotOf(call, worker.pid) };
    });
    // Those that are full are asked last, so that one of them refuses it.
    all.sort((a, b) => Number(a.full) - Number(b.full) || a.load - b.load || a.lot - b.lot);
    const first = all[0];
    if (first) this.#assigned.push({ pid: first.pid, atMs: nowMs });
    return Math.max(
      0,
      all.findIndex((worker) => worker.pid === pid),
    );
  }
}

/** Who is asked first among equals: by the call, so that it is not always the same one, and for all the same. */
const lotOf = (call: string, pid: number): number =>
  createHash("sha256").update(`${call} ${pid}`).digest().readUInt32BE(0);
