import { systemClock, type Timer } from "../../../src/base/clock.ts";
import type { FakeEvent } from "./event-socket.ts";

interface Task {
  readonly id: number;
  readonly group: string;
  readonly runtime: number;
  readonly run: () => void;
}

const LOOK_MS = 50;
const TOLD_MS = 20;

/** FreeSWITCH's scheduler. Facts: seconds are whole and follow the wall clock; ids are told by ADD_SCHEDULE 20 ms later, and by nothing else; deleting by group takes all of a call. */
export class Scheduler {
  readonly #tell: (event: FakeEvent) => void;
  readonly #tasks = new Map<number, Task>();
  #ids = 0;
  #timer: Timer | undefined;

  constructor(tell: (event: FakeEvent) => void) {
    this.#tell = tell;
  }

  get tasks(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  start(): void {
    this.#timer = systemClock.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#tasks.clear();
  }

  /** `what` is how FreeSWITCH describes the task: the name of the function that schedules it. */
  add({ group, inS, what, run }: { group: string; inS: number; what: string; run: () => void }): void {
    const id = ++this.#ids;
    const runtime = Math.floor(systemClock.wall() / 1000) + inS;
    this.#tasks.set(id, { id, group, runtime, run });
    const headers = { "Task-ID": String(id), "Task-Desc": what, "Task-Group": group, "Task-Runtime": String(runtime) };
    systemClock.after(TOLD_MS, () => this.#tell({ name: "ADD_SCHEDULE", headers, body: "" }));
  }

  /** By id or by group. Returns how many. */
  remove(which: string): number {
    const found = this.tasks.filter(({ id, group }) => String(id) === which || group === which);
    for (const { id } of found) this.#tasks.delete(id);
    return found.length;
  }

  #look(): void {
    const now = Math.floor(systemClock.wall() / 1000);
    for (const task of this.tasks) {
      if (task.runtime > now) continue;
      this.#tasks.delete(task.id);
      task.run();
    }
  }
}
