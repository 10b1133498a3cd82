import { createBackoff } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { Leaving } from "./leaving.ts";
import { MemoryWatch } from "./memory.ts";
import type { WorkerProcess } from "./process.ts";
import type { Hello, SiblingState, SupervisorSettings, ToWorker } from "./protocol.ts";
import { Slot } from "./slot.ts";
import { Worker, type WorkerEnd, type WorkerWatcher } from "./worker.ts";

export interface Start {
  readonly slot: number;
  /** 0 until the service has answered calls for the first time. */
  readonly restarts: number;
  readonly build: string;
  readonly heartbeatMs: number;
}

export interface PoolOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: SupervisorSettings;
  readonly start: (start: Start) => WorkerProcess;
  /** Which program a worker that is started now would run. */
  readonly build: () => string;
  /** 0 to 1. */
  readonly random: () => number;
  /** Calls are answered now; may come again. */
  readonly onReady: () => void;
  /** A worker that took calls is gone and not yet replaced. */
  readonly onLoss: () => void;
  /** After each worker's end. */
  readonly onEnd: () => void;
  /** Another process is there, or one is gone. */
  readonly onCrew: (pids: readonly number[]) => void;
}

/** A worker that lived this long was a good start: the next restart is immediate again. */
const GOOD_LIFE_MS = 60_000;
const RESTART_FIRST_MS = 250;
const REREAD_MS = 2000;
/** A program that is broken shows it soon: until then the old worker is there, and takes calls as well. */
const PROOF_MS = 2000;
/** Several beats in a moment are one piece of news. */
const NEWS_MS = 10;

/** The workers that take calls, one in each slot, and those that let their last calls end. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #leaving: Leaving;
  readonly #lastGood = { snapshot: undefined as unknown };
  readonly #memory: MemoryWatch;
  readonly #hopeless = Promise.withResolvers<number>();
  readonly #empty = Promise.withResolvers<number>();
  readonly #closed = Promise.withResolvers<void>();
  #settings: SupervisorSettings;
  #slots: Slot[] = [];
  #started = false;
  #everReady = false;
  #closing = false;
  #news: Timer | undefined;
  /** Somebody waits until a worker has read the configuration again. */
  #reread: (() => void) | undefined;
  #outdated = false;
  /** With false: a new one did not start. */
  #replacing = Promise.resolve(true);

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#memory = new MemoryWatch(options.clock);
    this.#leaving = new Leaving(options);
    this.#resize();
  }

  /** Resolves with an exit code: the first worker said that starting is no use, or all have left. */
  get ended(): Promise<number> {
    return Promise.race([this.#hopeless.promise, this.#empty.promise]);
  }

  get settings(): SupervisorSettings {
    return this.#settings;
  }

  get calls(): number {
    return this.#all().reduce((sum, { calls }) => sum + calls, 0);
  }

  get pids(): readonly number[] {
    return this.#all().flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** One worker that takes calls is enough. */
  get healthy(): boolean {
    return this.#all().length === 0 || this.#all().some(({ pid }) => pid !== undefined);
  }

  /** Starts the first worker; the others follow when that one has shown that the configuration is sound and the port free. */
  start(): void {
    this.#started = true;
    for (const slot of this.#slots) if (this.#everReady || slot.index === 1) this.#fill(slot);
  }

  /** A worker that another supervisor has started. */
  adopt(process: WorkerProcess, { slot: index, build, leaving }: Hello): void {
    const slot = this.#slots.find((slot) => slot.index === index && !slot.current);
    const worker = this.#worker(process, { index, build, adopted: true });
    this.#options.log.info({ pid: worker.pid, worker: index }, "a worker of an earlier supervisor is taken over");
    if (slot && !leaving && !this.#closing) {
      slot.take(worker);
      this.#everReady = true;
      this.#options.onReady();
      // What was changed meanwhile, nobody has told it.
      if (build === this.#options.build()) worker.tell({ type: "reload" });
      else void this.#replaceAll("the program has changed", (other) => other === worker);
    } else this.#dismiss(worker);
    this.#crewChanged();
  }

  /**
   * The configuration is read again; another program, if there is one now, takes over worker by worker. Resolves with false where new
   * workers were needed and did not start.
   */
  async reload(): Promise<boolean> {
    const build = this.#options.build();
    if (this.#slots.some(({ current }) => current && current.build !== build))
      return await this.#replaceAll("the program has changed", (worker) => worker.build !== build);
    await this.#rereadAll();
    return this.#outdated ? await this.#replacing : true;
  }

  /** One after the other: to read it takes a while in which a worker does nothing else, and there may be no more cores than workers. */
  async #rereadAll(): Promise<void> {
    this.#outdated = false;
    for (const worker of this.#slots.flatMap(({ current }) => (current ? [current] : []))) {
      // All are replaced then.
      if (this.#outdated) break;
      const read = Promise.withResolvers<void>();
      // One that finds faults says nothing.
      const late = this.#options.clock.after(REREAD_MS, read.resolve);
      this.#reread = read.resolve;
      worker.tell({ type: "reload" });
      await read.promise;
      late.cancel();
    }
    this.#reread = undefined;
  }

  /** New calls go to the menu, running ones may end. */
  drain(): void {
    this.#close();
    for (const slot of this.#slots)
      for (const worker of slot.empty()) {
        // One that is not ready yet has no calls to wait for.
        if (!worker.ready) worker.kill();
        this.#dismiss(worker);
      }
    this.#lookIfEmpty();
  }

  /** Running calls go to the menu. */
  hurry(): void {
    this.#leaving.hurry();
  }

  /** All workers go on without this supervisor. */
  letGo(): void {
    this.#close();
    for (const worker of this.#all()) worker.letGo();
    this.#slots = [];
    this.#leaving.letGo();
    this.#lookIfEmpty();
  }

  #close(): void {
    this.#closing = true;
    this.#closed.resolve();
    this.#news?.cancel();
    for (const slot of this.#slots) slot.close();
  }

  #all(): Worker[] {
    return [...this.#slots.flatMap(({ workers }) => workers), ...this.#leaving.workers];
  }

  #tellAll(wish: ToWorker, except?: Worker): void {
    for (const worker of this.#all()) if (worker !== except) worker.tell(wish);
  }

  /** As many slots as are wanted. */
  #resize(): void {
    const { clock, random } = this.#options;
    const { workers, restartMaxMs } = this.#settings;
    for (let index = this.#slots.length + 1; index <= workers; index++) {
      const backoff = createBackoff({ minMs: RESTART_FIRST_MS, maxMs: restartMaxMs, random });
      this.#slots.push(new Slot(index, { clock, backoff }));
    }
    for (const slot of this.#slots.splice(workers)) {
      slot.close();
      for (const worker of slot.empty()) this.#dismiss(worker);
    }
  }

  #fill(slot: Slot): void {
    if (this.#closing || !slot.vacant) return;
    slot.take(this.#begin(slot));
    this.#crewChanged();
  }

  #begin(slot: Slot): Worker {
    const { start, build: buildOf, log } = this.#options;
    const build = buildOf();
    const restarts = this.#everReady ? Math.max(1, slot.failures) : 0;
    const { heartbeatMs } = this.#settings;
    const process = start({ slot: slot.index, restarts, build, heartbeatMs });
    const worker = this.#worker(process, { index: slot.index, build, adopted: false });
    log.info({ pid: worker.pid, worker: slot.index }, "worker started");
    return worker;
  }

  #worker(process: WorkerProcess, { index, build, adopted }: { index: number; build: string; adopted: boolean }) {
    const { clock, log } = this.#options;
    const startedMs = clock.now();
    const watcher: WorkerWatcher = {
      ready: (worker) => this.#onReady(worker, startedMs),
      beat: (worker, moved) => this.#onBeat(worker, moved),
      ended: (worker, end) => this.#onEnded(worker, end, startedMs),
      configured: (settings) => this.#onConfigured(settings),
      outdated: (keys) => this.#onOutdated(keys),
      came: (worker, caller) => this.#tellAll({ type: "came", caller }, worker),
    };
    const settings = this.#settings;
    return new Worker({
      ...{ process, slot: index, build, clock, log, settings, watcher, lastGood: this.#lastGood, adopted },
    });
  }

  #onReady(worker: Worker, startedMs: number): void {
    const { clock, log, onReady } = this.#options;
    const durationMs = Math.round(clock.now() - startedMs);
    log.info({ pid: worker.pid, worker: worker.slot, durationMs }, "the worker is ready");
    const first = !this.#everReady;
    this.#everReady = true;
    this.#tellNews();
    onReady();
    if (first && this.#started) this.start();
  }

  #onBeat(worker: Worker, moved: boolean): void {
    if (moved) this.#tellNews();
    const { memoryMb: limitMb } = this.#settings;
    if (!this.#memory.isAbove(worker, limitMb) || this.#leaving.has(worker) || this.#closing) return;
    const { pid, memoryMb, calls } = worker;
    this.#options.log.error(
      { pid, memoryMb, limitMb, calls },
      "the worker needs too much memory: another one takes its place, and its calls may end",
    );
    void this.#replaceAll("memory", (other) => other === worker);
  }

  #onConfigured(settings: SupervisorSettings): void {
    if (this.#closing) return;
    this.#settings = settings;
    this.#resize();
    // Whether it is enough, it says right after.
    if (this.#reread) this.#options.clock.after(NEWS_MS, this.#reread);
    // Before the start it is not known yet which places are taken: more orphans may come.
    if (this.#started && this.#everReady) this.start();
  }

  #onOutdated(keys: readonly string[]): void {
    if (this.#closing) return;
    this.#outdated = true;
    const old = new Set(this.#slots.flatMap(({ current }) => (current ? [current] : [])));
    void this.#replaceAll(`the configuration has changed (${keys.join(", ")})`, (worker) => old.has(worker));
  }

  #onEnded(worker: Worker, end: WorkerEnd, startedMs: number): void {
    const { clock, log, onLoss, onEnd } = this.#options;
    this.#memory.forget(worker);
    onEnd();
    if (this.#leaving.left(worker) && !this.#closing)
      log.info({ pid: worker.pid, worker: worker.slot }, "an old worker has left");
    const slot = this.#slots.find(({ workers }) => workers.includes(worker));
    slot?.lose(worker);
    this.#crewChanged();
    if (this.#closing) this.#lookIfEmpty(end.code ?? 0);
    if (this.#closing || !slot) return;
    if (end.failure && !this.#everReady) {
      this.#hopeless.resolve(end.failure.exitCode);
      return;
    }
    const others = this.#slots.some(({ current }) => current?.ready);
    if (slot.vacant) {
      const good = end.wasReady && clock.now() - startedMs > GOOD_LIFE_MS;
      const delayMs = slot.again({ good, others }, () => this.#fill(slot));
      report(log, { ...end, worker: slot.index, delayMs });
    }
    if (!others) onLoss();
  }

  /** One after the other; a new one that does not get ready ends it, and the old ones stay. */
  #replaceAll(reason: string, isOld: (worker: Worker) => boolean): Promise<boolean> {
    this.#replacing = this.#replacing.then(async () => {
      for (const slot of [...this.#slots]) {
        const old = slot.current;
        if (this.#closing || !old || !isOld(old)) continue;
        this.#options.log.info({ worker: slot.index, pid: old.pid, reason }, "the worker is replaced");
        if (!(await this.#replace(slot, old))) return false;
      }
      return true;
    });
    return this.#replacing;
  }

  async #replace(slot: Slot, old: Worker): Promise<boolean> {
    const next = this.#begin(slot);
    slot.prepare(next);
    this.#crewChanged();
    if ((await next.settled) && (await this.#proves(next))) {
      const before = slot.succeed();
      if (before === old) this.#dismiss(old);
      this.#tellNews();
      return true;
    }
    if (!this.#closing)
      this.#options.log.error(
        { worker: slot.index, pid: next.pid },
        "the new worker did not get ready, or died at once; the old ones stay, and so do their configuration and program",
      );
    return false;
  }

  /** It has taken calls for a moment, and lives. */
  async #proves(next: Worker): Promise<boolean> {
    const proof = Promise.withResolvers<boolean>();
    const timer = this.#options.clock.after(PROOF_MS, () => proof.resolve(true));
    for (const over of [next.gone, this.#closed.promise]) void over.then(() => proof.resolve(false));
    const lives = await proof.promise;
    timer.cancel();
    return lives;
  }

  /** It takes no more calls, and gets its time for those it has. */
  #dismiss(worker: Worker): void {
    this.#leaving.dismiss(worker, this.#settings.drainSeconds);
    this.#tellNews();
  }

  #lookIfEmpty(code = 0): void {
    if (this.#all().length === 0) this.#empty.resolve(code);
  }

  #crewChanged(): void {
    this.#options.onCrew(this.pids);
    this.#tellNews();
  }

  /** Every worker knows what the others have: that is how calls are spread. */
  #tellNews(): void {
    if (this.#news || this.#closing) return;
    this.#news = this.#options.clock.after(NEWS_MS, () => {
      this.#news = undefined;
      this.#tellAll({ type: "siblings", workers: this.#siblings() });
    });
  }

  #siblings(): SiblingState[] {
    return this.#all().flatMap((worker) => {
      const { pid, slot, calls, ready } = worker;
      const taking = ready && !this.#leaving.has(worker);
      return pid === undefined || !ready ? [] : [{ slot, pid, calls, taking }];
    });
  }
}

function report(
  log: Log,
  { code, signal, wasReady, failure, worker, delayMs }: WorkerEnd & { worker: number; delayMs: number },
): void {
  const why = failure ? { reason: failure.message } : {};
  log.error(
    { worker, code, signal, wasReady, delayMs: Math.round(delayMs), ...why },
    "the worker ended; it is started again",
  );
}
