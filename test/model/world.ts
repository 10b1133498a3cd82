import { type Clock, sleepOn, type Timer } from "../../src/base/clock.ts";
import { randomSource } from "../../src/caller/noise.ts";
import { settleInside, VirtualClock } from "../support/virtual-clock.ts";

/** Time, chance, and the steps of one run. All that differs between two runs comes from the seed. */
export class World {
  readonly clock = new VirtualClock({ letRun: settleInside });
  readonly #random: () => number;
  readonly #atSteps = new Map<number, (() => void)[]>();
  readonly violations: string[] = [];
  /** What happened, for whoever looks into a seed that failed. */
  readonly told: string[] | undefined;
  /** Called after each step. */
  look: () => void = () => {};
  steps = 0;
  lastFaultMs = 0;

  constructor(seed: number, { tell = false }: { tell?: boolean } = {}) {
    this.#random = randomSource(seed);
    this.told = tell ? [] : undefined;
  }

  get nowMs(): number {
    return this.clock.now();
  }

  tell(what: string): void {
    this.told?.push(`${this.nowMs.toFixed(1).padStart(8)} ${what}`);
  }

  /** A sentence that must never be true. */
  violated(what: string): void {
    if (this.violations.length >= 5 || this.violations.includes(what)) return;
    this.violations.push(what);
    this.tell(`VIOLATED: ${what}`);
  }

  between(least: number, most: number): number {
    return least + this.#random() * (most - least);
  }

  chance(of: number): boolean {
    return this.#random() < of;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  /** Something happens to somebody: what follows from it is measured from now on. */
  fault(what: string): void {
    this.lastFaultMs = this.nowMs;
    this.tell(`FAULT: ${what}`);
  }

  atStep(step: number, run: () => void): void {
    this.#atSteps.set(step, [...(this.#atSteps.get(step) ?? []), run]);
  }

  /** One step of the world: a message arrives, somebody's timer is due. */
  after(ms: number, run: () => void): Timer {
    return this.clock.after(ms, () => {
      for (const first of this.#atSteps.get(++this.steps) ?? []) first();
      run();
      this.look();
    });
  }
}

/** By then the kernel has taken a killed process apart: its sockets are closed one after the other. */
export const TEARDOWN_MS = 35;

/** A line on which nothing overtakes anything. What is on its way arrives even when its sender has died. */
export class Wire {
  readonly #world: World;
  readonly #latestMs: number;
  #lastMs = 0;
  /** Nothing arrives before. */
  heldUntilMs = 0;

  constructor(world: World, latestMs: number) {
    this.#world = world;
    this.#latestMs = latestMs;
  }

  send(run: () => void): void {
    const { nowMs } = this.#world;
    const arrivesMs = Math.max(nowMs + this.#world.between(0.1, this.#latestMs), this.#lastMs, this.heldUntilMs);
    this.#lastMs = arrivesMs;
    this.#world.after(arrivesMs - nowMs, run);
  }
}

type State = "running" | "stopped" | "dead";

/** A process: its clock and its messages are its life. Stopped, it gets them later; dead, never. */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  readonly #world: World;
  readonly #deaths: (() => void)[] = [];
  readonly #timers = new Set<Timer>();
  #waiting: (() => void)[] = [];
  #state: State = "running";
  /** When it last did something. */
  lastMs = Number.POSITIVE_INFINITY;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.clock = {
      now: () => world.clock.now(),
      wall: () => world.clock.wall(),
      after: (ms, run) => this.#after(ms, run),
      every: (ms, run) => this.#every(ms, run),
      sleep: (ms, signal) => sleepOn(this.clock, ms, signal),
    };
  }

  get state(): State {
    return this.#state;
  }

  get running(): boolean {
    return this.#state === "running";
  }

  /** What comes from outside. */
  deliver(run: () => void): void {
    if (this.#state === "running") run();
    else if (this.#state === "stopped") this.#waiting.push(run);
  }

  /** The kernel closes what it had open. */
  onDeath(run: () => void): void {
    this.#deaths.push(run);
  }

  kill(): void {
    if (this.#state === "dead") return;
    if (this.#state === "running") this.lastMs = this.#world.nowMs;
    this.#state = "dead";
    this.#waiting = [];
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const run of this.#deaths) run();
  }

  stop(): void {
    if (this.#state !== "running") return;
    this.#state = "stopped";
    this.lastMs = this.#world.nowMs;
  }

  goOn(): void {
    if (this.#state !== "stopped") return;
    this.#state = "running";
    this.lastMs = Number.POSITIVE_INFINITY;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) this.deliver(run);
  }

  #after(ms: number, run: () => void): Timer {
    if (this.#state === "dead") return { cancel() {} };
    let over = false;
    const timer = this.#world.after(ms, () => {
      this.#timers.delete(timer);
      this.deliver(() => over || run());
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        over = true;
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  #every(ms: number, run: () => void): Timer {
    let next: Timer | undefined;
    let over = false;
    const again = (): void => {
      next = this.#after(ms, () => {
        if (over) return;
        again();
        run();
      });
    };
    again();
    return {
      cancel: () => {
        over = true;
        next?.cancel();
      },
    };
  }
}
