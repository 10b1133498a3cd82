import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Leg, Next } from "../call/engine.ts";
import type { Returned, TransferResult } from "../call/handover.ts";
import type { CallJournal } from "../call/journal.ts";
import type { Agent } from "../conversation/agent.ts";
import { backSentence } from "../conversation/people-words.ts";
import { plainPerson } from "../conversation/person.ts";

export interface TransfersOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "transfers">;
  readonly journal: CallJournal;
}

/** Beyond the ringing: a human listens to the brief, twice perhaps, and thinks. */
const THINKS_MS = 60_000;

/** Calls that are with a human, or about to be: what becomes of them is told by the dialplan, and waited for by their records. */
export class Transfers {
  readonly #options: TransfersOptions;
  readonly #waiting = new Map<string, Waiting>();
  #closed = false;

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /** Before the dialplan has the call: it may know at once. */
  expect({ id }: Leg, next: Next): void {
    if (next.next !== "transfer" || !next.handover || this.#closed) return;
    this.#waiting.get(id)?.end(undefined);
    const { promise, resolve } = Promise.withResolvers<TransferResult | undefined>();
    const end: End = (result) => {
      timer.cancel();
      resolve(result);
    };
    const timer = this.#options.clock.after(next.handover.ringSeconds * 1000 + THINKS_MS, () => end(undefined));
    this.#waiting.set(id, { result: promise, end });
  }

  /** The dialplan has said so, of a call of ours or of another worker's. */
  told(call: string, result: TransferResult): void {
    this.#waiting.get(call)?.end(result);
  }

  /** Where the call went, with what became of it once that is known, or will not be. Never rejects. Undefined: nothing is waited for. */
  outcome({ id }: Leg, next: Next, engine: string): Promise<Next> | undefined {
    const waiting = this.#waiting.get(id);
    return waiting && this.#outcome(waiting, { id, next, engine });
  }

  async #outcome(waiting: Waiting, { id, next, engine }: { id: string; next: Next; engine: string }): Promise<Next> {
    if (next.next !== "transfer") waiting.end(undefined);
    const result = await waiting.result;
    if (this.#waiting.get(id) === waiting) this.#waiting.delete(id);
    const { log, metrics, journal } = this.#options;
    if (next.next !== "transfer") return next;
    // With a human, or nobody knows where: it does not come back.
    if (result === undefined || result === "taken") journal.forget?.({ id, engine });
    if (result === undefined) return next;
    metrics.transfers.inc({ result });
    log.info({ call: id, target: next.target, result }, "a transfer came to its end");
    return { ...next, result };
  }

  /** The process ends: nobody waits any more. */
  close(): void {
    this.#closed = true;
    for (const { end } of this.#waiting.values()) end(undefined);
  }
}

interface Waiting {
  readonly result: Promise<TransferResult | undefined>;
  readonly end: End;
}

type End = (result: TransferResult | undefined) => void;

/** What a caller hears who is back, and what the model is told. */
export function returnedFrom({ people, language }: Agent, { target, why }: Returned): { result: string; text: string } {
  const { title } = people[target] ?? plainPerson(target);
  const text = backSentence(language, title, why);
  return { result: `The transfer to ${target} did not succeed (${why}). The caller was told: "${text}"`, text };
}
