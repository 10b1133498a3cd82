import type { Process, World } from "../world.ts";
import { type End, Pipe } from "./pipe.ts";

const ACCEPTED_MS = 3;

interface DoorOptions {
  readonly world: World;
  readonly process: Process;
  /** Who listens has read that somebody is there. */
  readonly accept: (pipe: Pipe) => void;
}

/** A listening socket: the kernel lets in whoever comes, also while its process stands still or is being taken apart. */
export class Door {
  readonly #options: DoorOptions;
  /** Let in, and seen by nobody yet. */
  readonly #waiting = new Set<Pipe>();
  #shut = false;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  knock(): End {
    const { world, process } = this.#options;
    const pipe = new Pipe(world, process);
    this.#waiting.add(pipe);
    world.after(world.between(0.1, ACCEPTED_MS), () => process.deliver(() => this.#accept(pipe)));
    return pipe.far;
  }

  /** Whoever waits for being seen is turned away. */
  shut(): void {
    this.#shut = true;
    for (const pipe of this.#waiting) pipe.near.finish();
    this.#waiting.clear();
  }

  #accept(pipe: Pipe): void {
    if (this.#shut || !this.#waiting.delete(pipe)) return;
    this.#options.accept(pipe);
  }
}
