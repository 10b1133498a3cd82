import type { Timer } from "../../../src/base/clock.ts";
import type { FakeEvent } from "../../fakes/freeswitch/event-socket.ts";
import type { World } from "../world.ts";

interface Task {
  readonly group: string;
  readonly timer: Timer;
}

const TRANSFERS = "switch_ivr_schedule_transfer";
/** Of a second that has begun FreeSWITCH hears so much later. */
const TICK_MS = 60;
const TOLD_MS = 20;

/** FreeSWITCH's scheduler: seconds are whole and follow the wall clock; ids are told by ADD_SCHEDULE 20 ms later, and by nothing else. */
export class Scheduler {
  readonly #world: World;
  readonly #tell: (event: FakeEvent) => void;
  readonly #tasks = new Map<string, Task>();
  #ids = 0;

  constructor(world: World, tell: (event: FakeEvent) => void) {
    this.#world = world;
    this.#tell = tell;
  }

  burns(group: string): boolean {
    return [...this.#tasks.values()].some((task) => task.group === group);
  }

  transfer(group: string, seconds: number, run: () => void): void {
    const world = this.#world;
    const id = String(++this.#ids);
    const runtime = Math.floor(world.clock.wall() / 1000) + seconds;
    const timer = world.after(runtime * 1000 - world.clock.wall() + world.between(1, TICK_MS), () => {
      this.#tasks.delete(id);
      run();
    });
    this.#tasks.set(id, { group, timer });
    const headers = { "Task-ID": id, "Task-Desc": TRANSFERS, "Task-Group": group, "Task-Runtime": String(runtime) };
    world.after(world.between(TOLD_MS - 5, TOLD_MS + 5), () => this.#tell({ name: "ADD_SCHEDULE", headers, body: "" }));
  }

  /** By id or by group. Returns how many. */
  remove(which: string): number {
    const found = [...this.#tasks].filter(([id, { group }]) => id === which || group === which);
    for (const [id, { timer }] of found) {
      timer.cancel();
      this.#tasks.delete(id);
    }
    return found.length;
  }
}
