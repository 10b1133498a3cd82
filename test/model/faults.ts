import type { Machine } from "./service.ts";
import type { Household } from "./supervisor.ts";
import type { Process } from "./world.ts";

/** A worker that hangs has been killed by then, and its records are closed. */
const CALM_MS = 1300;

/** What may happen, and what has. Everything else is asked in the order in which it happened. */
export class Faults {
  readonly #machine: Machine;
  readonly #household: Household;
  readonly #names: string[] = [];
  /** What a disk did not take, nobody who comes after can know. */
  diskFailed = false;
  /** How much later a worker may hear that it has lost a call. */
  newsMs = 0;
  calmMs = CALM_MS;
  /** How long a caller may be in silence, from the last fault on. */
  silenceMs: number;

  constructor(machine: Machine, household: Household) {
    this.#machine = machine;
    this.silenceMs = machine.pbx.silenceMs;
    this.#household = household;
  }

  get count(): number {
    return this.#names.length;
  }

  /** One worker was killed, and nothing else happened. */
  get oneKill(): boolean {
    return this.#names.join() === "kill";
  }

  /** At any step of what follows, and again while others deal with the first one. */
  plan(): void {
    const { world, stage } = this.#machine;
    const faults = world.pick([0, 1, 1, 1, 2, 2, 3]);
    // Where a death costs most.
    if (faults > 0 && world.chance(0.15))
      stage.onBooked = (process) => {
        world.fault(`killed when it had just done something (${process.name})`);
        this.#names.push("kill");
        process.kill();
        stage.onBooked = () => {};
      };
    for (let nth = 0; nth < faults; nth++)
      world.atStep(world.steps + Math.floor(world.between(1, 300)), () => this.#happen());
  }

  #happen(): void {
    const { world, pbx } = this.#machine;
    const [one, other] = world.chance(0.5) ? [0, 1] : [1, 0];
    const worker = this.#household.workers[one];
    const second = this.#household.workers[other];
    const kill = (process: Process | undefined): void => process?.kill();
    const faults: readonly (readonly [string, () => void])[] = [
      ["kill", () => kill(worker?.process)],
      ["kill", () => kill(worker?.process)],
      ["kill both", () => [worker, second].map((each) => kill(each?.process))],
      ["stop", () => worker?.process.stop()],
      ["stop both", () => [worker, second].map((each) => each?.process.stop())],
      [
        "stop for a while",
        () => {
          worker?.process.stop();
          world.after(world.between(100, 900), () => worker?.process.goOn());
        },
      ],
      ["drain", () => worker?.drain(world.between(0, 1500))],
      ["the supervisor is killed", () => this.#household.killSupervisor()],
      ...pbx.linkFaults.map((what, which) => [what, () => worker?.attached.fail(which, () => this.#hangMs())] as const),
      ["the disk hangs", () => this.#hangDisk()],
      ["the disk is full", () => this.#fillDisk()],
    ];
    const [what, happen] = world.pick(faults);
    this.#names.push(what);
    const slow = pbx.slow[what];
    if (slow) Object.assign(this, slow);
    world.fault(`${what} (${worker?.process.name ?? "nobody"})`);
    happen();
  }

  #hangMs(): number {
    const { world } = this.#machine;
    return world.between(50, world.chance(0.5) ? 1500 : 5000);
  }

  #hangDisk(): void {
    const { world, disk } = this.#machine;
    this.diskFailed = true;
    disk.hangsUntilMs = world.nowMs + world.between(50, 1500);
  }

  #fillDisk(): void {
    const { world, disk } = this.#machine;
    this.diskFailed = true;
    disk.full = true;
    world.after(world.between(50, 1500), () => {
      disk.full = false;
    });
  }
}
