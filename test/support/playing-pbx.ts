import type { PlayoutSink } from "../../src/audio/playout.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Sent {
  readonly atMs: number;
  readonly pcm: Int16Array;
}

/** A PBX that plays a frame every 20 ms of its own clock, which began at `phaseMs`, and keeps what came early. A stall of ours does not stop it. */
export class TickingPbx implements PlayoutSink {
  readonly sent: Sent[] = [];
  flushes = 0;
  longestQueue = 0;
  readonly #clock: VirtualClock;
  readonly #played: Sent[] = [];
  #queue: Int16Array[] = [];
  #nextTickMs: number;
  #emptyTicks = 0;

  constructor(clock: VirtualClock, phaseMs: number) {
    this.#clock = clock;
    this.#nextTickMs = phaseMs;
  }

  /** What the caller heard, tick by tick. */
  get played(): readonly Sent[] {
    this.#play();
    return this.#played;
  }

  /** Ticks at which it had nothing to send. */
  get emptyTicks(): number {
    this.#play();
    return this.#emptyTicks;
  }

  send(pcm: Int16Array): void {
    this.#play();
    const copy = pcm.slice();
    this.sent.push({ atMs: this.#clock.now(), pcm: copy });
    this.#queue.push(copy);
    this.longestQueue = Math.max(this.longestQueue, this.#queue.length);
  }

  flush(): void {
    this.#play();
    this.flushes++;
    this.#queue = [];
  }

  #play(): void {
    for (; this.#nextTickMs <= this.#clock.now(); this.#nextTickMs += 20) {
      const pcm = this.#queue.shift();
      if (pcm) this.#played.push({ atMs: this.#nextTickMs, pcm });
      else this.#emptyTicks++;
    }
  }
}

/** A PBX that begins each frame the moment it has it and the one before is over: what the account assumes when it is told of no delay. Comfort noise, all zeros here, takes no time. */
export class PromptPbx implements PlayoutSink {
  readonly sent: Sent[] = [];
  flushes = 0;
  readonly #clock: VirtualClock;
  #frames: { startMs: number; pcm: Int16Array }[] = [];
  #endMs = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  send(pcm: Int16Array): void {
    const nowMs = this.#clock.now();
    const copy = pcm.slice();
    this.sent.push({ atMs: nowMs, pcm: copy });
    if (isSilent(pcm)) return;
    const startMs = Math.max(nowMs, this.#endMs);
    this.#frames.push({ startMs, pcm: copy });
    this.#endMs = startMs + 20;
  }

  flush(): void {
    this.flushes++;
    // Within a millisecond of its beginning a frame has begun.
    const begun = this.#clock.now() + 1;
    this.#frames = this.#frames.filter(({ startMs }) => startMs <= begun);
    this.#endMs = Math.max(0, ...this.#frames.slice(-1).map(({ startMs }) => startMs + 20));
  }

  /** Every sample that the caller hears, in order, without the silence. */
  get heard(): number[] {
    return this.#frames.flatMap(({ pcm }) => [...pcm].filter((sample) => sample !== 0));
  }
}

export const isSilent = (pcm: Int16Array): boolean => pcm.every((sample) => sample === 0);
