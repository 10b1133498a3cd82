export const INTERRUPTED = 130;

const STOPS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Aborts when somebody wants this process to end, instead of ending it there and then. Disposed, it leaves that to the system again. */
export class Interrupt implements Disposable {
  readonly #abort = new AbortController();
  readonly #stop = (): void => this.#abort.abort(new Error("stopped"));

  constructor() {
    for (const name of STOPS) process.on(name, this.#stop);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    for (const name of STOPS) process.off(name, this.#stop);
  }
}
