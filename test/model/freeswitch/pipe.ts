import type { EslSocket } from "../../../src/engines/freeswitch/esl/connection.ts";
import { type Process, TEARDOWN_MS, Wire, type World } from "../world.ts";

const LATE_MS = 6;

type Deliver = (run: () => void) => void;

/** One end of a connection. What is written arrives in its order, and the end of it after all that was written. */
export class End implements EslSocket {
  readonly #out: Wire;
  /** Whose end it is: he hears when he runs. */
  readonly #deliver: Deliver;
  readonly #data: ((data: Buffer) => void)[] = [];
  readonly #closes: (() => void)[] = [];
  #peer: End | undefined;
  #kept: string[] | undefined;
  #ended = false;
  #closed = false;

  constructor(out: Wire, deliver: Deliver) {
    this.#out = out;
    this.#deliver = deliver;
  }

  get writable(): boolean {
    return !this.#ended;
  }

  get destroyed(): boolean {
    return this.#closed;
  }

  join(peer: End): void {
    this.#peer = peer;
  }

  setNoDelay(): void {}

  on(event: "data", listener: (data: Buffer) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "error" | "close", listener: () => void): void;
  on(event: "data" | "error" | "close", listener: (what: never) => void): void {
    if (event === "data") this.#data.push(listener as (data: Buffer) => void);
    else if (event === "close") this.#closes.push(listener as () => void);
  }

  write(text: string): void {
    if (this.#ended) return;
    if (this.#kept) this.#kept.push(text);
    else this.#out.send(() => this.#peer?.receive(text));
  }

  cork(): void {
    this.#kept ??= [];
  }

  uncork(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    if (kept.length > 0) this.write(kept.join(""));
  }

  /** No more is written; what comes is still read. */
  end(text = ""): void {
    if (text !== "") this.write(text);
    this.finish();
  }

  /** Both ways at once. */
  destroy(): void {
    this.finish();
    this.#close();
  }

  /** Says that no more comes: a process that died, too. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#out.send(() => this.#peer?.over());
  }

  receive(text: string): void {
    this.#deliver(() => {
      if (this.#closed) return;
      const data = Buffer.from(text);
      for (const listener of this.#data) listener(data);
    });
  }

  /** The other side has ended. Neither side keeps a half of a connection. */
  over(): void {
    this.#deliver(() => {
      this.finish();
      this.#close();
    });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#closes) listener();
  }
}

/** A connection between FreeSWITCH and a worker's process. */
export class Pipe {
  /** FreeSWITCH's end. */
  readonly far: End;
  /** The worker's. */
  readonly near: End;
  readonly #world: World;
  readonly #wires: readonly [Wire, Wire];

  constructor(world: World, process: Process) {
    const wires = [new Wire(world, LATE_MS), new Wire(world, LATE_MS)] as const;
    this.#world = world;
    this.#wires = wires;
    this.far = new End(wires[0], (run) => run());
    this.near = new End(wires[1], (run) => process.deliver(run));
    this.far.join(this.near);
    this.near.join(this.far);
  }

  /** The kernel closes what a dead process had open. */
  tornDown(): void {
    this.#world.after(this.#world.between(0, TEARDOWN_MS), () => this.near.finish());
  }

  /** Nothing passes before. */
  hold(untilMs: number): void {
    for (const wire of this.#wires) wire.heldUntilMs = Math.max(wire.heldUntilMs, untilMs);
  }
}
