import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { ProviderError } from "../../conversation/providers.ts";
import { inProcess } from "../runner.ts";
import { Thread } from "../thread.ts";
import type { FliteJob, FliteResult } from "./flite-worker.ts";

interface Job {
  readonly work: FliteJob;
  tries: number;
  readonly result: Promise<Int16Array>;
  resolve(pcm: Int16Array): void;
  reject(error: unknown): void;
}

const WAITING_LIMIT = 200;
const TRIES = 2;
// A sentence takes 0.1 s, the longest piece 1 s, on a busy machine some seconds.
const DEADLINE_MS = 10_000;
const WORKER = new URL("./flite-worker", import.meta.url);

interface JobsOptions {
  readonly threads: number;
  readonly clock: Clock;
  readonly log: Log;
  /** What each of them runs, without its ending. */
  readonly script?: URL;
}

/** Pieces of text for the processes that speak: first come, first served; one piece each at a time, so that what nobody wants any more can be dropped. */
export class FliteJobs {
  readonly #speakers: Speaker[];
  readonly #waiting: Job[] = [];
  readonly #log: Log;
  #closed = false;

  constructor({ threads, clock, log, script = WORKER }: JobsOptions) {
    this.#log = log;
    this.#speakers = Array.from(
      { length: threads },
      () => new Speaker({ clock, log, script, onFree: () => this.#assign() }),
    );
  }

  /** Starts them and lets each say something, so that the first caller does not wait for the compiler. */
  warmUp(work: FliteJob): void {
    if (this.#closed) return;
    for (const speaker of this.#speakers.filter(({ free }) => free)) {
      const job = newJob(work);
      job.result.catch((err: unknown) => {
        if (!this.#closed) this.#log.warn({ err }, "flite could not be warmed up");
      });
      speaker.run(job);
    }
  }

  /** Resolves with whole frames at the work's rate. Rejects with the signal's reason or a ProviderError. */
  speak(work: FliteJob, signal: AbortSignal): Promise<Int16Array> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#waiting.length >= WAITING_LIMIT) {
      return Promise.reject(new ProviderError("flite", "overloaded", `${WAITING_LIMIT} pieces of text are waiting`));
    }
    const job = newJob(work);
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(job);
      if (at >= 0) this.#waiting.splice(at, 1);
      job.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.push(job);
    if (signal.aborted) onAbort();
    this.#assign();
    return job.result.finally(() => signal.removeEventListener("abort", onAbort));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(closed());
    await Promise.all(this.#speakers.map((speaker) => speaker.close()));
  }

  #assign(): void {
    for (const speaker of this.#speakers) {
      if (!speaker.free) continue;
      const job = this.#waiting.shift();
      if (!job) return;
      speaker.run(job);
    }
  }
}

/** One process, and the piece it is at. A piece that cost a process its life is tried once more. */
class Speaker {
  readonly #clock: Clock;
  readonly #onFree: () => void;
  readonly #process: Thread<FliteJob, FliteResult>;
  #job: Job | undefined;
  #deadline: Timer | undefined;

  constructor({ clock, log, script, onFree }: { clock: Clock; log: Log; script: URL; onFree: () => void }) {
    this.#clock = clock;
    this.#onFree = onFree;
    this.#process = new Thread({
      script,
      name: "flite",
      // The program and the voices take 60 MB.
      start: inProcess,
      clock,
      log,
      onMessage: (result) => this.#finish(result),
      onDeath: (cause) => this.#again(cause),
    });
  }

  get free(): boolean {
    return this.#job === undefined;
  }

  run(job: Job): void {
    this.#job = job;
    job.tries++;
    if (!this.#process.post(job.work)) {
      this.#job = undefined;
      job.reject(new ProviderError("flite", "unreachable", "its processes die again and again; it rests for 10 s"));
      return;
    }
    this.#process.hold(true);
    const late = new Error(`no answer in ${DEADLINE_MS} ms`);
    this.#deadline = this.#clock.after(DEADLINE_MS, () => this.#process.kill(late));
  }

  async close(): Promise<void> {
    this.#leave()?.reject(closed());
    await this.#process.close();
  }

  #finish(result: FliteResult): void {
    const job = this.#leave();
    if ("pcm" in result) job?.resolve(result.pcm);
    else job?.reject(new ProviderError("flite", "refused", result.error));
    this.#onFree();
  }

  #again(cause: Error): void {
    const job = this.#leave();
    if (job && job.tries < TRIES) this.run(job);
    else
      job?.reject(
        new ProviderError("flite", "unreachable", "its process died twice over one piece of text", { cause }),
      );
    if (this.free) this.#onFree();
  }

  #leave(): Job | undefined {
    this.#deadline?.cancel();
    this.#process.hold(false);
    const job = this.#job;
    this.#job = undefined;
    return job;
  }
}

function newJob(work: FliteJob): Job {
  const { promise, resolve, reject } = Promise.withResolvers<Int16Array>();
  return { work, tries: 0, result: promise, resolve, reject };
}

const closed = (): ProviderError => new ProviderError("flite", "unreachable", "it was closed");
