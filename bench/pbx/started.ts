import type { CallLeg } from "../../src/caller/leg.ts";
import type { NetworkFaults } from "../../src/caller/network.ts";
import type { Phone } from "../../src/caller/phone.ts";
import type { LiveEvent } from "../../src/server/live.ts";
import { step } from "./call.ts";

/** A call that the service has not told of by then is in the menu: the PBX waits for less. */
const TOLD_MS = 8000;
const TRIES = 3;

interface Waiting {
  readonly agent: string;
  readonly resolve: (call: string) => void;
  readonly reject: (error: unknown) => void;
}

export interface StartedCall {
  readonly leg: CallLeg;
  /** The service's name of it. */
  readonly call: string;
}

export interface Dialled {
  readonly number: string;
  readonly network?: NetworkFaults;
  readonly signal: AbortSignal;
}

/** Which call is whose, out of what the service tells of all calls. */
export class Started {
  readonly #waiting = new Set<Waiting>();
  #turn: Promise<unknown> = Promise.resolve();
  /** Calls that the menu had instead of the agent. */
  #inMenu = 0;

  /** What a reader of the figures should know. */
  get notes(): string[] {
    if (this.#inMenu === 0) return [];
    return [`${this.#inMenu} calls were in the menu instead of with the agent, and were made again`];
  }

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

  /**
   * A call that the agent has answered. Calls begin one after the other, so that the next one that the service tells of is this
   * one. On a busy machine the menu may have a call: it is made again, twice at most.
   */
  call(agent: string, phone: Pick<Phone, "call">, dialled: Dialled): Promise<StartedCall> {
    const begun = this.#turn.then(async () => {
      for (let tries = 1; ; tries += 1) {
        const found = await this.#try(agent, phone, dialled);
        if (found) return found;
        this.#inMenu += 1;
        if (tries === TRIES)
          throw new Error(`the agent "${agent}" did not answer: the menu had ${TRIES} calls in a row`);
      }
    });
    this.#turn = begun.catch(() => {});
    return begun;
  }

  async #try(
    agent: string,
    phone: Pick<Phone, "call">,
    { number, network, signal }: Dialled,
  ): Promise<StartedCall | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const waiting = { agent, resolve, reject };
    promise.catch(() => {});
    this.#waiting.add(waiting);
    const late = step(signal, TOLD_MS);
    const onLate = (): void => (signal.aborted ? reject(signal.reason) : resolve(undefined));
    late.addEventListener("abort", onLate, { once: true });
    let leg: CallLeg | undefined;
    let call: string | undefined;
    try {
      leg = await phone.call(number, { codec: "ulaw", signal, ...(network && { network }) });
      await leg.answered;
      call = await promise;
      return call === undefined ? undefined : { leg, call };
    } finally {
      late.removeEventListener("abort", onLate);
      this.#waiting.delete(waiting);
      if (call === undefined) await leg?.hangUp();
    }
  }
}
