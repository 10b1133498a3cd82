import type { Transferable } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { inThread, type Runner, type StartRunner } from "./runner.ts";

export interface ThreadOptions<In> {
  /** The script without its ending, which is that of this file: .ts in the source, .js when built. */
  readonly script: URL;
  readonly name: string;
  readonly data?: unknown;
  /** A thread of this process unless it is told otherwise. */
  readonly start?: StartRunner;
  readonly clock: Clock;
  readonly log: Log;
  onMessage(message: In): void;
  /** It is gone, with all that was asked of it. The next `post` starts another one. */
  onDeath(cause: Error): void;
}

// A thread that cannot live is not started for ever: after so many deaths in a row it rests.
const DEATHS = 3;
const REST_MS = 10_000;

/** A thread, or a process of its own, for work that would hold up the calls. When it dies, the next message starts another one. */
export class Thread<Out, In> {
  readonly #options: ThreadOptions<In>;
  #runner: Runner | undefined;
  #deaths: number[] = [];
  #closed = false;
  #held = false;

  constructor(options: ThreadOptions<In>) {
    this.#options = options;
  }

  /** False: closed, or resting after it died too often. */
  post(message: Out, transfer: readonly Transferable[] = []): boolean {
    if (!this.#start()) return false;
    this.#runner?.post(message, transfer);
    return true;
  }

  /** While held, the process stays alive for it; idle, it keeps nobody up. */
  hold(held: boolean): void {
    this.#held = held;
    if (held) this.#runner?.ref();
    else this.#runner?.unref();
  }

  /** Ends it now, because it hangs. That is a death like any other. */
  kill(cause: Error): void {
    const runner = this.#runner;
    if (!runner) return;
    this.#died(runner, cause);
    void runner.terminate();
  }

  /** May be called twice. Reports no death. */
  async close(): Promise<void> {
    this.#closed = true;
    const runner = this.#runner;
    this.#runner = undefined;
    await runner?.terminate();
  }

  #start(): boolean {
    if (this.#runner) return true;
    if (this.#closed || this.#resting()) return false;
    const { script, name, data, onMessage, start = inThread } = this.#options;
    const runner: Runner = start(
      { url: script, name, data },
      {
        onMessage: (message) => {
          if (runner === this.#runner) onMessage(message as In);
        },
        onError: (error) => this.#died(runner, error instanceof Error ? error : new Error(String(error))),
        onExit: (how) => this.#died(runner, new Error(`it ended with ${how}`)),
      },
    );
    this.#runner = runner;
    this.hold(this.#held);
    return true;
  }

  #resting(): boolean {
    const since = this.#options.clock.now() - REST_MS;
    this.#deaths = this.#deaths.filter((at) => at > since);
    return this.#deaths.length >= DEATHS;
  }

  #died(runner: Runner, cause: Error): void {
    // An error is followed by its exit, and whom we closed or killed ourselves is no news.
    if (runner !== this.#runner) return;
    this.#runner = undefined;
    this.#deaths.push(this.#options.clock.now());
    this.#options.log.warn({ thread: this.#options.name, err: cause }, "a thread died");
    this.#options.onDeath(cause);
  }
}
