import { type ChildProcess, spawn } from "node:child_process";
import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type Heart, listenToHeart } from "./heart.ts";
import { type FromWorker, isFromWorker, type ToWorker } from "./protocol.ts";

export interface WorkerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly heartbeatMs: number;
  readonly killAfterMs: number;
  readonly startSeconds: number;
  readonly onReady: () => void;
  /** Kept for the next worker. */
  readonly lastGood: { snapshot: unknown };
}

/** How a worker's life ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** It had taken calls; otherwise it never got so far. */
  readonly wasReady: boolean;
  /** What it said itself about why it cannot start. */
  readonly failure?: { readonly message: string; readonly exitCode: number };
}

/** A worker in a process group of its own: Ctrl-C is for the supervisor alone, and a kill takes along what the worker has started. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #child: ChildProcess;
  readonly #grace: Timer;
  #heart: Heart | undefined;
  #failure: WorkerEnd["failure"];
  #ready = false;
  #calls = 0;
  readonly ended: Promise<WorkerEnd>;

  constructor(options: WorkerOptions) {
    const { command, args, env, clock, log, startSeconds } = options;
    this.#options = options;
    this.#child = spawn(command, args, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached: true,
      env: { ...env },
    });
    this.#grace = clock.after(startSeconds * 1000, () => {
      log.error({ pid: this.pid, startSeconds }, "the worker did not get ready in time and is killed");
      this.kill();
    });
    this.#child.on("message", (message) => {
      if (isFromWorker(message)) this.#onMessage(message);
    });
    this.ended = new Promise((resolve) => {
      this.#child.on("exit", (code, signal) => resolve(this.#end(code, signal)));
      this.#child.on("error", (error) => {
        log.error({ err: error }, "the worker could not be started or told something");
        if (this.pid === undefined) resolve(this.#end(null, null));
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It takes calls. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Calls that are up, by its last beat. */
  get calls(): number {
    return this.#calls;
  }

  tell(wish: ToWorker): void {
    // One that cannot be told any more is about to end, and `exit` or the heart says so.
    if (this.#child.connected) this.#child.send(wish, () => undefined);
  }

  kill(): void {
    killGroup(this.#child, this.#options.log);
  }

  #onMessage(message: FromWorker): void {
    const { lastGood } = this.#options;
    if (message.type === "beat") this.#calls = message.calls;
    if (message.type === "failed") this.#failure = message;
    if (message.type === "configured") lastGood.snapshot = message.snapshot;
    if (message.type === "askLastGood") this.tell({ type: "lastGood", snapshot: lastGood.snapshot });
    if (message.type === "ready" && !this.#ready) this.#onReady();
    this.#heart?.beat();
  }

  #onReady(): void {
    const { log, onReady } = this.#options;
    this.#ready = true;
    this.#grace.cancel();
    this.#heart = listenToHeart({
      ...this.#options,
      onSilent: (silentMs) => {
        log.error(
          { pid: this.pid, silentMs, calls: this.#calls },
          "the worker hangs and is killed; its calls go to the menu",
        );
        this.kill();
      },
    });
    onReady();
  }

  #end(code: number | null, signal: string | null): WorkerEnd {
    this.#grace.cancel();
    this.#heart?.close();
    // Whatever it had started has no use without it.
    this.kill();
    return { code, signal, wasReady: this.#ready, ...(this.#failure ? { failure: this.#failure } : {}) };
  }
}

function killGroup(child: ChildProcess, log: Log): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // Nobody left in the group is what one wants to find.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") log.error({ err: error }, "the worker could not be killed");
  }
}
