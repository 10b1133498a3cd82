import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import type { Clock, Timer } from "../../../base/clock.ts";
import type { Log } from "../../../base/log.ts";
import { BoundedQueue } from "../../../base/queue.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { FromMouth, SherpaModel, ToMouth } from "./protocol.ts";

export interface MouthOptions {
  readonly provider: string;
  readonly model: SherpaModel;
  /** The package that speaks, or a file that stands in for it. */
  readonly library: string;
  readonly loadMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was asked for. `sound` ends after the last of it. */
export interface Asked {
  readonly sound: BoundedQueue<Int16Array>;
  giveUp(): void;
}

const WAITING_MAX = 50;
const CHUNKS_MAX = 2_000;
// A process that dies over its model would only die again: so long nobody tries.
const REST_MS = 10_000;

interface Process {
  readonly child: ChildProcess;
  readonly ready: PromiseWithResolvers<number>;
  readonly loading: Timer;
}

/** The process that speaks, started when the voice is made, and again when it is needed after it died. */
export class Mouth {
  readonly #options: MouthOptions;
  readonly #asked = new Map<number, BoundedQueue<Int16Array>>();
  #process: Process | undefined;
  /** Why it is not tried: for good, or until it has rested. */
  #missing: ProviderError | undefined;
  #resting: { readonly error: ProviderError; readonly timer: Timer } | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: MouthOptions) {
    this.#options = options;
    this.#start();
  }

  /** The rate of its sound, when the model is loaded. Rejects with a ProviderError. */
  ready(): Promise<number> {
    const { provider } = this.#options;
    if (this.#closed) return Promise.reject(new ProviderError(provider, "unreachable", "the voice is closed"));
    const error = this.#missing ?? this.#resting?.error;
    if (error) return Promise.reject(error);
    return (this.#process ?? this.#start()).ready.promise;
  }

  /** After `ready`. */
  ask(request: Omit<Extract<ToMouth, { type: "speak" }>, "type" | "id">): Asked {
    const { provider } = this.#options;
    if (this.#asked.size >= WAITING_MAX)
      throw new ProviderError(provider, "overloaded", `${WAITING_MAX} pieces of text are waiting`);
    const id = this.#nextId++;
    const sound = new BoundedQueue<Int16Array>(CHUNKS_MAX);
    if (!this.#process) throw new ProviderError(provider, "unreachable", "its process has ended");
    this.#asked.set(id, sound);
    this.#post({ type: "speak", id, ...request });
    return {
      sound,
      giveUp: () => {
        if (!this.#asked.delete(id)) return;
        sound.close();
        this.#post({ type: "cancel", id });
      },
    };
  }

  /** It hangs: what follows is a new process. */
  kill(): void {
    if (this.#process) this.#lost(this.#process, "timeout", "it hangs");
  }

  /** Resolves when the process has ended. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#resting?.timer.cancel();
    const { child } = this.#process ?? {};
    if (!child) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await ended;
  }

  #post(message: ToMouth): void {
    // A failure to send shows as the end of the process.
    const child = this.#process?.child;
    if (child?.connected) child.send(message, () => {});
  }

  #start(): Process {
    const { model, library, clock, loadMs } = this.#options;
    const script = new URL(`./child${extname(import.meta.filename)}`, import.meta.url);
    const child = fork(script, [JSON.stringify(model), library], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // Nothing of the service's secrets goes into a process that does not need them.
      env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH },
    });
    const ready = Promise.withResolvers<number>();
    ready.promise.catch(() => undefined);
    const late = `its model was not loaded within ${loadMs} ms`;
    const loading = clock.after(loadMs, () => this.#lost(started, "timeout", late));
    const started: Process = { child, ready, loading };
    this.#process = started;
    child.on("message", (message) => this.#receive(started, message as FromMouth));
    child.on("error", (error) => this.#lost(started, "unreachable", error.message));
    child.on("exit", (code, signal) => this.#lost(started, "unreachable", `its process ended with ${signal ?? code}`));
    return started;
  }

  #receive(started: Process, message: FromMouth): void {
    const { provider } = this.#options;
    if (message.type === "missing") {
      this.#missing = new ProviderError(provider, "missing", message.message);
      this.#lost(started, "missing", message.message);
    } else if (message.type === "ready") {
      started.loading.cancel();
      started.ready.resolve(message.rateHz);
    } else if (message.type === "sound") this.#asked.get(message.id)?.push(message.pcm);
    else {
      const sound = this.#asked.get(message.id);
      this.#asked.delete(message.id);
      if (message.type === "done") sound?.close();
      else sound?.fail(new ProviderError(provider, "protocol", message.message));
    }
  }

  #lost(started: Process, code: "unreachable" | "timeout" | "missing", reason: string): void {
    if (this.#process !== started) return;
    this.#process = undefined;
    started.loading.cancel();
    started.child.kill("SIGKILL");
    const { provider, clock, log } = this.#options;
    const error = new ProviderError(provider, code, reason);
    for (const sound of this.#asked.values()) sound.fail(error);
    this.#asked.clear();
    if (this.#closed) {
      started.ready.reject(error);
      return;
    }
    log.warn({ err: error }, "a local voice was lost");
    this.#resting?.timer.cancel();
    this.#resting = { error, timer: clock.after(REST_MS, () => (this.#resting = undefined)) };
    // One that has worked is started again at once.
    void started.ready.promise.then(
      () => {
        this.#resting?.timer.cancel();
        this.#resting = undefined;
      },
      () => undefined,
    );
    started.ready.reject(error);
  }
}
