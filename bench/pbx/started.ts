import type { LiveEvent } from "../../src/server/live.ts";

interface Waiting {
  readonly agent: string;
  readonly resolve: (call: string) => void;
  readonly reject: (error: unknown) => void;
}

/** Which call is whose, out of what the service tells of all calls. */
export class Started {
  readonly #waiting = new Set<Waiting>();
  #turn: Promise<unknown> = Promise.resolve();

  /** Every event of the service's, in order. */
  hear(event: LiveEvent): void {
    if (event.type !== "started") return;
    const next = [...this.#waiting].find(({ agent }) => agent === event.agent);
    if (!next) return;
    this.#waiting.delete(next);
    next.resolve(event.call);
  }

  /** Nothing more will be told. */
  ended(error: unknown): void {
    for (const { reject } of this.#waiting)
      reject(new Error("the service tells of its calls no more", { cause: error }));
    this.#waiting.clear();
  }

  /** Calls to an agent begin one after the other, so that the next one that the service tells of is this one. Returns the service's name of it. */
  begin(agent: string, dial: () => Promise<unknown>): Promise<string> {
    const begun = this.#turn.then(async () => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      promise.catch(() => {});
      this.#waiting.add({ agent, resolve, reject });
      await dial();
      return await promise;
    });
    this.#turn = begun.catch(() => {});
    return begun;
  }
}
