import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type Heart, listenToHeart } from "./heart.ts";
import type { ProcessEnd, WorkerProcess } from "./process.ts";
import { type FromWorker, isFromWorker, type SupervisorSettings, type ToWorker } from "./protocol.ts";
import { starvedMs } from "./starved.ts";

/** How a worker's life ended. */
export interface WorkerEnd extends ProcessEnd {
  /** It had taken calls; otherwise it never got so far. */
  readonly wasReady: boolean;
  /** What it said itself about why it cannot start. */
  readonly failure?: { readonly message: string; readonly exitCode: number };
}

/** Who is told what a worker does. */
export interface WorkerWatcher {
  ready(worker: Worker): void;
  /** `moved`: the number of its calls is another than before. */
  beat(worker: Worker, moved: boolean): void;
  ended(worker: Worker, end: WorkerEnd): void;
  configured(settings: SupervisorSettings): void;
  outdated(keys: readonly string[]): void;
  came(worker: Worker, caller: string): void;
}

export interface WorkerOptions {
  readonly process: WorkerProcess;
  readonly slot: number;
  /** Which program it runs. */
  readonly build: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: SupervisorSettings;
  readonly watcher: WorkerWatcher;
  /** Kept for the next worker. */
  readonly lastGood: { snapshot: unknown };
  /** One that another supervisor has started takes calls already. */
  readonly adopted?: boolean;
}

/** Reading the configuration again is over by then, on a machine that is too busy as well. */
const REREAD_MS = 3000;
/** So long after its start a worker still has to do what it does once. */
const YOUNG_MS = 5000;
/** What may be silent for longer may be so for this many times as long. */
const PATIENCE = 3;

/** A worker as its supervisor knows it: its heart, its calls, and whether it takes more of them. */
export class Worker {
  readonly slot: number;
  readonly build: string;
  readonly #options: WorkerOptions;
  readonly #process: WorkerProcess;
  readonly #grace: Timer;
  readonly #settled = Promise.withResolvers<boolean>();
  readonly #gone = Promise.withResolvers<void>();
  #heart: Heart | undefined;
  #failure: WorkerEnd["failure"];
  #ready = false;
  #over = false;
  #calls = 0;
  #memoryMb = 0;
  /** Until then it does what takes its event loop a while: because it was told to, or because it has just begun. */
  #rereadsUntil = 0;
  #youngUntil = 0;

  constructor(options: WorkerOptions) {
    const { clock, log, settings } = options;
    this.slot = options.slot;
    this.build = options.build;
    this.#options = options;
    this.#process = options.process;
    this.#grace = clock.after(settings.startSeconds * 1000, () => {
      log.error(
        { pid: this.pid, startSeconds: settings.startSeconds },
        "the worker did not get ready in time and is killed",
      );
      this.kill();
    });
    if (options.adopted) this.#live();
    this.#process.listen({
      message: (message) => {
        if (isFromWorker(message)) this.#onMessage(message);
      },
      ended: (end) => this.#end(end),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** It takes calls, or did. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Calls that are up, by its last beat. */
  get calls(): number {
    return this.#calls;
  }

  get memoryMb(): number {
    return this.#memoryMb;
  }

  /** Resolves with true when it takes calls, with false when it has ended without. */
  get settled(): Promise<boolean> {
    return this.#settled.promise;
  }

  /** Resolves when it has ended. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  tell(wish: ToWorker): void {
    const { clock } = this.#options;
    if (wish.type === "reload") this.#rereadsUntil = clock.now() + REREAD_MS;
    this.#process.send(wish);
  }

  kill(): void {
    this.#process.kill();
  }

  letGo(): void {
    this.#over = true;
    this.#grace.cancel();
    this.#heart?.close();
    this.#process.letGo();
  }

  #onMessage(message: FromWorker): void {
    if (this.#over) return;
    const { lastGood, watcher } = this.#options;
    this.#heart?.beat();
    if (message.type === "beat") this.#onBeat(message);
    if (message.type === "failed") this.#failure = message;
    if (message.type === "configured") {
      lastGood.snapshot = message.snapshot;
      watcher.configured(message.settings);
    }
    if (message.type === "askLastGood") this.tell({ type: "lastGood", snapshot: lastGood.snapshot });
    if (message.type === "outdated") watcher.outdated(message.keys);
    if (message.type === "came") watcher.came(this, message.caller);
    if (message.type === "ready" && !this.#ready) {
      this.#youngUntil = this.#options.clock.now() + YOUNG_MS;
      this.#live();
      watcher.ready(this);
    }
  }

  #onBeat({ calls, memoryMb }: { calls: number; memoryMb: number }): void {
    const moved = calls !== this.#calls;
    this.#calls = calls;
    this.#memoryMb = memoryMb;
    this.#options.watcher.beat(this, moved);
  }

  /** From now on it is expected to beat. */
  #live(): void {
    const { clock, log, settings } = this.#options;
    this.#ready = true;
    this.#grace.cancel();
    this.#heart = listenToHeart({
      clock,
      ...settings,
      starvedMs: () => starvedMs(this.pid),
      excusedMs: () => this.#excusedMs(),
      onSilent: (silentMs) => {
        log.error(
          { pid: this.pid, silentMs, calls: this.#calls },
          "the worker hangs and is killed; its calls go to another worker, or to the menu",
        );
        this.kill();
      },
    });
    this.#settled.resolve(true);
  }

  /** To kill it for what it was told to do costs its callers more than to wait. Where it is young, it must not have callers yet. */
  #excusedMs(): number {
    const { clock, settings } = this.#options;
    const now = clock.now();
    const excused = now < this.#rereadsUntil || (now < this.#youngUntil && this.#calls === 0);
    return excused ? (PATIENCE - 1) * settings.killAfterMs : 0;
  }

  #end(end: ProcessEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#grace.cancel();
    this.#heart?.close();
    // Whatever it had started has no use without it.
    this.kill();
    this.#settled.resolve(false);
    this.#gone.resolve();
    const failure = this.#failure;
    this.#options.watcher.ended(this, { ...end, wasReady: this.#ready, ...(failure ? { failure } : {}) });
  }
}
