import { extname } from "node:path";
import { type Transferable, Worker } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

export interface ThreadOptions<In> {
  /** The script without its ending, which is that of this file: .ts in the source, .js when built. */
  readonly script: URL;
  readonly name: string;
  readonly data?: unknown;
  readonly clock: Clock;
  readonly log: Log;
  onMessage(message: In): void;
  /** It is gone, with all that was asked of it. The next `post` starts another one. */
  onDeath(cause: Error): void;
}

// A thread that cannot live is not started for ever: after so many deaths in a row it rests.
const DEATHS = 3;
const REST_MS = 10_000;

/** A worker thread for work that would hold up the calls. When it dies, the next message starts another one. */
export class Thread<Out, In> {
  readonly #options: ThreadOptions<In>;
  #worker: Worker | undefined;
  #deaths: number[] = [];
  #closed = false;
  #held = false;

  constructor(options: ThreadOptions<In>) {
    this.#options = options;
  }

  /** False: closed, or resting after it died too often. */
  post(message: Out, transfer: readonly Transferable[] = []): boolean {
    if (!this.#start()) return false;
    this.#worker?.postMessage(message, transfer);
    return true;
  }

  /** While held, the process stays alive for it; idle, it keeps nobody up. */
  hold(held: boolean): void {
    this.#held = held;
    if (held) this.#worker?.ref();
    else this.#worker?.unref();
  }

  /** Ends it now, because it hangs. That is a death like any other. */
  kill(cause: Error): void {
    const worker = this.#worker;
    if (!worker) return;
    this.#died(worker, cause);
    void worker.terminate();
  }

  /** May be called twice. Reports no death. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): boolean {
    if (this.#worker) return true;
    if (this.#closed || this.#resting()) return false;
    const { script, name, data, onMessage } = this.#options;
    const worker = new Worker(new URL(script.href + extname(import.meta.filename)), { name, workerData: data });
    worker.on("message", (message: In) => {
      if (worker === this.#worker) onMessage(message);
    });
    worker.on("error", (error) => this.#died(worker, error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", (code) => this.#died(worker, new Error(`the thread ended with code ${code}`)));
    this.#worker = worker;
    this.hold(this.#held);
    return true;
  }

  #resting(): boolean {
    const since = this.#options.clock.now() - REST_MS;
    this.#deaths = this.#deaths.filter((at) => at > since);
    return this.#deaths.length >= DEATHS;
  }

  #died(worker: Worker, cause: Error): void {
    // An error is followed by its exit, and whom we closed or killed ourselves is no news.
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#deaths.push(this.#options.clock.now());
    this.#options.log.warn({ thread: this.#options.name, err: cause }, "a thread died");
    this.#options.onDeath(cause);
  }
}
