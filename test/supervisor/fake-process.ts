import type { ProcessListener, WorkerProcess } from "../../src/supervisor/process.ts";
import type { FromWorker, SupervisorSettings, ToWorker } from "../../src/supervisor/protocol.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";

export const SETTINGS: SupervisorSettings = {
  workers: 1,
  heartbeatMs: 100,
  killAfterMs: 700,
  startSeconds: 30,
  restartMaxMs: 10_000,
  drainSeconds: 20,
  memoryMb: 0,
};

/** A worker's process in virtual time: beats like a real one, and does what the test says. */
export class FakeProcess implements WorkerProcess {
  static #pids = 1000;
  readonly pid = ++FakeProcess.#pids;
  readonly told: ToWorker[] = [];
  readonly #listeners: ProcessListener[] = [];
  readonly #beats: { cancel(): void };
  calls = 0;
  memoryMb = 100;
  hangs = false;
  killed = false;
  isLetGo = false;
  gone = false;
  #alive = false;

  constructor(clock: VirtualClock) {
    this.#beats = clock.every(100, () => {
      if (this.#alive && !this.hangs) this.says({ type: "beat", calls: this.calls, memoryMb: this.memoryMb });
    });
  }

  listen(listener: ProcessListener): void {
    this.#listeners.push(listener);
  }

  send(wish: ToWorker): void {
    this.told.push(wish);
  }

  kill(): void {
    this.killed = true;
    this.exits(null, "SIGKILL");
  }

  letGo(): void {
    this.isLetGo = true;
    this.#beats.cancel();
  }

  says(message: FromWorker): void {
    if (!this.gone) for (const { message: hear } of this.#listeners) hear(message);
  }

  ready(): void {
    this.#alive = true;
    this.says({ type: "ready" });
  }

  exits(code: number | null, signal: string | null = null): void {
    if (this.gone) return;
    this.#beats.cancel();
    this.gone = true;
    for (const { ended } of this.#listeners) ended({ code, signal });
  }

  wasTold(type: ToWorker["type"]): boolean {
    return this.told.some((wish) => wish.type === type);
  }

  /** What it was last told of its siblings: the slots of those that take calls. */
  get siblings(): readonly number[] {
    const news = this.told.findLast((wish) => wish.type === "siblings");
    return news ? news.workers.filter(({ taking }) => taking).map(({ slot }) => slot) : [];
  }
}
