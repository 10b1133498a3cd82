import type { Clock, Timer } from "../base/clock.ts";
import { nextTurn, type TurnEffect, type TurnInput, type TurnState } from "./turns.ts";

// More inputs than this in one tick would be a circle in the table.
const MAX_INPUTS = 64;

/** Who has the floor: the table's state, its one timer, and inputs taken one after the other. */
export class Floor {
  readonly #clock: Clock;
  readonly #run: (effect: TurnEffect) => void;
  readonly #onState: (state: TurnState) => void;
  readonly #inputs: TurnInput[] = [];
  #state: TurnState;
  #timer: Timer | undefined;
  #busy = false;

  constructor({
    clock,
    start,
    run,
    onState,
  }: {
    clock: Clock;
    start: TurnState;
    run: (effect: TurnEffect) => void;
    /** Called when the state has changed, before its effects run. */
    onState: (state: TurnState) => void;
  }) {
    this.#clock = clock;
    this.#state = start;
    this.#run = run;
    this.#onState = onState;
  }

  get state(): TurnState {
    return this.#state;
  }

  /** Runs the input's effects before it returns; one that is taken within an effect runs after the effects of the first. */
  take(input: TurnInput): void {
    if (this.#inputs.length >= MAX_INPUTS) throw new Error("the turn table goes round in a circle");
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#step(next);
    } finally {
      this.#busy = false;
      this.#inputs.length = 0;
    }
  }

  /** Sets the state's timer in place of the one it has. The timer ends with the state. */
  wait(ms: number, due: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(Math.max(0, ms), due);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #step(input: TurnInput): void {
    const [next, ...effects] = nextTurn(this.#state, input);
    if (next !== this.#state) {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#state = next;
      this.#onState(next);
    }
    for (const effect of effects) this.#run(effect);
  }
}
