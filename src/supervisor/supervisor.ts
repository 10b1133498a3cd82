import { createBackoff } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Notifier } from "./systemd.ts";
import { Worker, type WorkerEnd } from "./worker.ts";

export interface SupervisorOptions {
  /** The program of the worker, usually Node itself, and its arguments. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly heartbeatMs: number;
  readonly killAfterMs: number;
  readonly startSeconds: number;
  /** The longest pause between two restarts. */
  readonly restartMaxMs: number;
  readonly drainSeconds: number;
  readonly signals: Signals;
  /** At the start and whenever a worker has ended: what it left behind can be put in order. Must not reject. */
  readonly onNoWorker?: () => Promise<void>;
  readonly notifier: (healthy: () => boolean) => Notifier;
  /** 0 to 1. */
  readonly random: () => number;
  /** The terminal is gone when SIGHUP comes from it; without one SIGHUP asks for a reload. */
  readonly onTerminal: boolean;
}

/** Where signals come from: `process`. */
export interface Signals {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** A worker that lived this long was a good start: the next restart is immediate again. */
const GOOD_LIFE_MS = 60_000;
const RESTART_FIRST_MS = 250;
/** What putting in order may take in the end. */
const ORDER_MS = 2000;
/** What a worker gets for closing down once its calls are gone, or once it was told to hurry. */
const LEAVE_MS = 3000;

/**
 * The parent process. It does nothing that could hang: starts the worker, listens to its heart, starts it again. Resolves
 * with the exit code when it was told to stop, or when the first worker said that starting cannot help.
 */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const { clock, log } = options;
  const stop = new AbortController();
  let worker: Worker | undefined;
  let everReady = false;
  const notifier = options.notifier(() => worker === undefined || worker.pid !== undefined);
  const wishes = listenToSignals(options, { worker: () => worker, notifier, stop });
  const backoff = createBackoff({ minMs: RESTART_FIRST_MS, maxMs: options.restartMaxMs, random: options.random });
  // A configuration may be broken while it is edited: a worker that dies in that moment is started with the last good one.
  const lastGood = { snapshot: undefined as unknown };
  let failures = 0;
  // No start waits for it: callers are waiting.
  let order = Promise.resolve();
  const putInOrder = (): void => {
    order = order.then(options.onNoWorker);
  };
  try {
    putInOrder();
    while (!stop.signal.aborted) {
      const startedAt = clock.now();
      worker = new Worker({
        ...options,
        lastGood,
        // A worker that takes over for a dead one answers calls even when its port is not free yet.
        env: {
          ...options.env,
          SIDETONE_RESTARTS: String(everReady ? failures : 0),
          SIDETONE_HEARTBEAT_MS: String(options.heartbeatMs),
        },
        onReady() {
          everReady = true;
          log.info({ pid: worker?.pid, durationMs: Math.round(clock.now() - startedAt) }, "the worker is ready");
          notifier.ready("answering calls");
        },
      });
      log.info({ pid: worker.pid }, "worker started");
      const end = await worker.ended;
      putInOrder();
      if (stop.signal.aborted) return wishes.hurried && end.signal !== null ? 0 : (end.code ?? 0);
      if (end.failure && !everReady) return end.failure.exitCode;
      if (end.wasReady && clock.now() - startedAt > GOOD_LIFE_MS) {
        failures = 0;
        backoff.reset();
      }
      // The first restart is immediate: callers are waiting. One that dies again and again gets ever longer pauses.
      const delayMs = failures === 0 ? 0 : backoff.next();
      failures++;
      report(log, end, delayMs);
      notifier.status("the worker died and is started again; calls are in the menu meanwhile");
      await clock.sleep(delayMs, stop.signal).catch(() => undefined);
    }
    return 0;
  } finally {
    const over = new AbortController();
    await Promise.race([order, clock.sleep(ORDER_MS, over.signal).catch(() => undefined)]);
    over.abort();
    wishes.close();
    notifier.close();
  }
}

function report(log: Log, { code, signal, wasReady, failure }: WorkerEnd, delayMs: number): void {
  const why = failure ? { reason: failure.message } : {};
  log.error({ code, signal, wasReady, delayMs: Math.round(delayMs), ...why }, "the worker ended; it is started again");
}

interface Household {
  readonly worker: () => Worker | undefined;
  readonly notifier: Notifier;
  readonly stop: AbortController;
}

/** TERM or INT: drain; a second one: at once. HUP: reload. */
function listenToSignals(options: SupervisorOptions, { worker, notifier, stop }: Household) {
  const { clock, log, signals, drainSeconds } = options;
  let deadline: { cancel(): void } | undefined;
  let hurried = false;
  const killAfter = (ms: number): void => {
    deadline?.cancel();
    deadline = clock.after(ms, () => {
      log.error({ pid: worker()?.pid }, "the worker does not leave and is killed; its calls go to the menu");
      worker()?.kill();
    });
  };
  const leave = (): void => {
    if (hurried) return;
    if (stop.signal.aborted) {
      hurried = true;
      log.warn({ calls: worker()?.calls ?? 0 }, "told a second time: running calls go to the menu now");
      worker()?.tell({ type: "stop" });
      killAfter(LEAVE_MS);
      return;
    }
    stop.abort();
    notifier.stopping();
    const now = worker();
    log.info({ calls: now?.calls ?? 0, drainSeconds }, "stopping: new calls go to the menu, running ones may end");
    // One that is not ready yet has no calls to wait for.
    if (now?.ready) now.tell({ type: "drain", seconds: drainSeconds });
    else now?.kill();
    killAfter(drainSeconds * 1000 + LEAVE_MS);
  };
  const reload = (): void => {
    if (options.onTerminal) {
      leave();
      return;
    }
    log.info({}, "asked to read the configuration again");
    notifier.reloading();
    worker()?.tell({ type: "reload" });
    notifier.ready("answering calls");
  };
  signals.on("SIGTERM", leave);
  signals.on("SIGINT", leave);
  signals.on("SIGHUP", reload);
  return {
    get hurried() {
      return hurried;
    },
    close() {
      deadline?.cancel();
      signals.off("SIGTERM", leave);
      signals.off("SIGINT", leave);
      signals.off("SIGHUP", reload);
    },
  };
}
