import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Adoption } from "./adoption.ts";
import { LEAVE_MS } from "./leaving.ts";
import { Pool, type Start } from "./pool.ts";
import type { WorkerProcess } from "./process.ts";
import type { SupervisorSettings } from "./protocol.ts";
import type { Notifier } from "./systemd.ts";

export interface SupervisorOptions {
  readonly settings: SupervisorSettings;
  readonly start: (start: Start) => WorkerProcess;
  /** Which program a worker that is started now would run. */
  readonly build: () => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signals: Signals;
  /** Where the workers of a supervisor that has died are found. Undefined: nowhere, and none of ours would be. */
  readonly adoption?: Adoption | undefined;
  /** At the start and whenever a worker has ended: what it left behind can be put in order. Must not reject. */
  readonly onNoWorker?: () => Promise<void>;
  readonly notifier: (healthy: () => boolean) => Notifier;
  /** Told to stop: whether a next supervisor is about to be started. Must not reject. */
  readonly isRestart?: () => Promise<boolean>;
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

const NOT_TAKEN =
  "answering calls with the old program: the new one, or its configuration, did not start (the log says why)";
/** What putting in order may take in the end. */
const ORDER_MS = 2000;

/**
 * The parent process. It does nothing that could hang: starts the workers, listens to their hearts, starts them again. Resolves
 * with the exit code when it was told to stop, or when the first worker said that starting cannot help.
 */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const { clock, adoption } = options;
  // No start waits for it: callers are waiting.
  let order = Promise.resolve();
  const putInOrder = (): void => {
    order = order.then(options.onNoWorker);
  };
  const notifier = options.notifier(() => pool.healthy);
  const pool: Pool = new Pool({
    ...options,
    onReady: () => notifier.ready("answering calls"),
    onLoss: () => notifier.status("the workers died and are started again; calls are in the menu meanwhile"),
    onEnd: putInOrder,
    onCrew: (pids) => adoption?.remember(pids),
  });
  const wishes = listenToSignals(options, { pool, notifier });
  try {
    putInOrder();
    await adoption?.open((process, hello) => pool.adopt(process, hello));
    if (!wishes.stopping) pool.start();
    return await pool.ended;
  } finally {
    await adoption?.close();
    pool.letGo();
    const over = new AbortController();
    await Promise.race([order, clock.sleep(ORDER_MS, over.signal).catch(() => undefined)]);
    over.abort();
    wishes.close();
    notifier.close();
  }
}

interface Household {
  readonly pool: Pool;
  readonly notifier: Notifier;
}

/** TERM or INT: drain, unless the service is about to be started again; a second one: at once. HUP: reload. USR2: leave the workers to the next supervisor. */
function listenToSignals(options: SupervisorOptions, { pool, notifier }: Household) {
  const { log, signals, isRestart, adoption } = options;
  let [stopping, draining, hurried] = [false, false, false];
  const handOver = (): void => {
    stopping = true;
    log.info({ calls: pool.calls }, "leaving: the workers go on, and the next supervisor takes them over");
    notifier.stopping();
    // First of all: whom we let go knocks at once, and is not to find us.
    void adoption?.close();
    pool.letGo();
  };
  const drain = (): void => {
    draining = true;
    notifier.stopping();
    const { drainSeconds } = pool.settings;
    log.info({ calls: pool.calls, drainSeconds }, "stopping: new calls go to the menu, running ones may end");
    pool.drain();
  };
  const leave = (): void => {
    if (hurried) return;
    if (!stopping) {
      stopping = true;
      if (!isRestart) drain();
      else void isRestart().then((restart) => (draining || !restart ? draining || drain() : handOver()));
      return;
    }
    if (!draining) drain();
    hurried = true;
    log.warn({ calls: pool.calls, leaveMs: LEAVE_MS }, "told a second time: running calls go to the menu now");
    pool.hurry();
  };
  const reload = (): void => {
    if (options.onTerminal) {
      leave();
      return;
    }
    log.info({}, "asked to read the configuration again");
    notifier.reloading();
    void pool.reload().then((done) => notifier.ready(done ? "answering calls" : NOT_TAKEN));
  };
  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ["SIGTERM", leave],
    ["SIGINT", leave],
    ["SIGHUP", reload],
    ["SIGUSR2", handOver],
  ];
  for (const [signal, listener] of listeners) signals.on(signal, listener);
  return {
    get stopping() {
      return stopping;
    },
    close() {
      for (const [signal, listener] of listeners) signals.off(signal, listener);
    },
  };
}
