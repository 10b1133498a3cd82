import { listenToHeart } from "../../src/supervisor/heart.ts";
import { bookOf, HEARTBEAT_MS, type Machine, Worker } from "./service.ts";
import { Process } from "./world.ts";

const KILL_AFTER_MS = 700;
const LOOK_MS = 20;

/** Two workers and who watches over them. When it dies another one comes, and adopts the workers that are there. */
export class Household {
  readonly workers: (Worker | undefined)[] = [undefined, undefined];
  readonly #machine: Machine;
  #supervisor: Process;
  #started = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#supervisor = new Process(machine.world, "supervisor");
    for (const slot of [0, 1]) this.#start(slot, 0);
  }

  /** systemd starts it again. */
  killSupervisor(): void {
    const { world } = this.#machine;
    this.#supervisor.kill();
    world.after(world.between(150, 400), () => {
      world.fault("a new supervisor is there");
      this.#supervisor = new Process(world, "supervisor");
      for (const [slot, worker] of this.workers.entries()) {
        if (worker && worker.process.state !== "dead") this.#watch(slot, worker);
        else this.#ended(slot);
      }
    });
  }

  #start(slot: number, inMs: number): void {
    const supervisor = this.#supervisor;
    supervisor.clock.after(inMs, () => {
      const worker = new Worker(this.#machine, `worker-${++this.#started}`);
      this.workers[slot] = worker;
      this.#watch(slot, worker);
    });
  }

  #watch(slot: number, worker: Worker): void {
    const { world, mutations } = this.#machine;
    const supervisor = this.#supervisor;
    const heart = listenToHeart({
      ...{ clock: supervisor.clock, heartbeatMs: HEARTBEAT_MS, killAfterMs: KILL_AFTER_MS },
      onSilent() {
        world.tell(`${worker.process.name} hangs and is killed`);
        if (!mutations.has("nobody kills the hung")) worker.process.kill();
      },
    });
    worker.onMessage = () => supervisor.deliver(() => heart.beat());
    // An exit is told by the kernel, or found by whoever looks.
    const look = supervisor.clock.every(LOOK_MS * 5, () => {
      if (worker.process.state !== "dead") return;
      look.cancel();
      heart.close();
      this.#ended(slot);
    });
  }

  #ended(slot: number): void {
    const { world } = this.#machine;
    const book = bookOf(this.#machine, "supervisor");
    this.#supervisor.clock.after(world.between(1, 20), () => void book.closeLost());
    // One that dies again and again is started after ever longer pauses.
    this.#start(slot, world.chance(0.7) ? world.between(250, 500) : world.between(1500, 4000));
  }
}
