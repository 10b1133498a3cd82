import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { hasSoundSince } from "./heard-first.ts";
import { puzzleOf } from "./puzzle.ts";
import type { Stage } from "./stage.ts";

export interface Caller {
  readonly name: string;
  readonly leg: CallLeg;
  deaths: number;
}

/** Who has a caller since the kill. */
export interface Told {
  readonly caller: Caller;
  readonly what: "agent" | "anew" | "menu";
  /** From the kill to the first sound of it. Undefined: not told by ear. */
  readonly ms: number | undefined;
}

export interface AftermathOptions {
  readonly stage: Pick<Stage, "menu" | "excuse" | "kept" | "records">;
  readonly killedMs: number;
  /** So many calls had their agent in a worker that was killed. */
  readonly hit: number;
  readonly signal: AbortSignal;
}

const HEARD_BY_MS = 5000;
/** The record of a call that nobody goes on with is completed by another worker, or by the next one. */
const WRITTEN_MS = 10_000;
const LOOK_MS = 150;

/** Who has the callers of workers that were killed: by ear first, and of those who were not told by ear, by what is written down. */
export class Aftermath {
  readonly #callers: readonly Caller[];
  readonly #options: AftermathOptions;

  constructor(callers: readonly Caller[], options: AftermathOptions) {
    this.#callers = callers;
    this.#options = options;
  }

  /** Those of whom it can be told, at the latest after 15 s. */
  async told(): Promise<Told[]> {
    const heard = await this.#listen();
    return [...heard, ...(await this.#byTheBook(heard))];
  }

  /** What is known of the others. */
  async puzzles(told: readonly Told[]): Promise<string[]> {
    const { stage, killedMs } = this.#options;
    const [kept, records] = await Promise.all([stage.kept(), stage.records()]);
    return this.#others(told).map((caller) => {
      const record = records.find(({ fromName }) => fromName === caller.name);
      return puzzleOf(caller, { killedMs, attempt: kept.get(caller.name), record });
    });
  }

  /** Who of the callers hears something new, until as many have as were hit. */
  async #listen(): Promise<Told[]> {
    const { stage, killedMs, hit } = this.#options;
    const heard: Told[] = [];
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#options.signal]);
    const options = { sinceMs: killedMs, withinMs: HEARD_BY_MS, clock: systemClock, signal };
    const listen = async (caller: Caller, what: Told["what"], sound: Int16Array): Promise<void> => {
      const atMs = await heardSound(caller.leg, { sound, ...options }).catch(() => undefined);
      if (atMs === undefined || heard.some((one) => one.caller === caller)) return;
      heard.push({ caller, what, ms: atMs - killedMs });
      if (heard.length >= hit) over.abort();
    };
    const { excuse, menu } = stage;
    await Promise.all(this.#callers.flatMap((one) => [listen(one, "agent", excuse), listen(one, "menu", menu)]));
    return heard;
  }

  async #byTheBook(heard: readonly Told[]): Promise<Told[]> {
    const { killedMs, hit, signal } = this.#options;
    const deadlineMs = killedMs + HEARD_BY_MS + WRITTEN_MS;
    for (;;) {
      const lost = this.#callers.filter(({ leg }) => leg.signal.aborted).length;
      const found = heard.length + lost < hit ? await this.#written(heard) : [];
      if (heard.length + lost + found.length >= hit || systemClock.now() > deadlineMs) return found;
      await systemClock.sleep(LOOK_MS, signal);
    }
  }

  /** A caller without any sound since has nobody, whatever is written. */
  async #written(heard: readonly Told[]): Promise<Told[]> {
    const { stage, killedMs } = this.#options;
    const [kept, records] = await Promise.all([stage.kept(), stage.records()]);
    return this.#others(heard).flatMap((caller): Told[] => {
      const { name, leg, deaths } = caller;
      const record = records.find(({ fromName }) => fromName === name);
      if (leg.signal.aborted || !hasSoundSince(leg, killedMs) || !record) return [];
      if (record.ended !== null) return [{ caller, what: "menu", ms: undefined }];
      if (record.attempt < 2 || deaths > 0) return [];
      return [{ caller, what: kept.get(name) === 2 ? "agent" : "anew", ms: undefined }];
    });
  }

  #others(told: readonly Told[]): Caller[] {
    return this.#callers.filter((caller) => !told.some((one) => one.caller === caller));
  }
}
