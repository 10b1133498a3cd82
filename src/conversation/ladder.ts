import type { Breaker, Permit } from "../base/breaker.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { abortable } from "../base/signals.ts";
import { ProviderError } from "./providers.ts";

export type LadderStage = "stt" | "llm" | "tts" | "speech";

/** One provider of a list, by the name that the configuration gives it. Its breaker is the same in all calls. */
export interface Rung<P> {
  readonly name: string;
  readonly provider: P;
  readonly breaker: Breaker;
}

/** What became of a provider within a call. `next`: who goes on; undefined: nobody is left. */
export type LadderStep =
  | {
      readonly type: "failed";
      readonly stage: LadderStage;
      readonly provider: string;
      readonly next: string | undefined;
      /** A ProviderError's code; `open`: it is known to fail and was not asked; `slow`: somebody else was faster. */
      readonly code: string;
      readonly error?: unknown;
    }
  | { readonly type: "returned"; readonly stage: LadderStage; readonly provider: string };

export interface LadderLimits {
  /** How long a provider may take for its first part while somebody else could be asked. */
  readonly firstMs: number;
  /** How long it may then be silent, likewise. */
  readonly stallMs: number;
  /** After so long the next one is asked as well, and whoever is first is taken. 0: never. */
  readonly hedgeMs: number;
}

export interface LadderOptions<P> {
  /** Best first. */
  readonly rungs: readonly Rung<P>[];
  readonly limits: LadderLimits;
  readonly clock: Clock;
  /** Called synchronously; must not throw. */
  readonly onStep: (step: LadderStep) => void;
}

/** A provider that has begun to answer. Whoever takes it ends it: by one of the permit's three, and by the abort. */
export interface Answering<P, T> {
  readonly rung: Rung<P>;
  readonly permit: Permit;
  readonly first: T;
  readonly parts: AsyncIterator<T>;
  readonly abort: AbortController;
}

export interface Asking<P, T> extends Omit<LadderOptions<P>, "rungs"> {
  readonly stage: LadderStage;
  /** Whom to ask, in order. Those that have failed or answered are taken out. */
  readonly candidates: Rung<P>[];
  readonly open: (rung: Rung<P>, signal: AbortSignal) => AsyncIterable<T>;
  /** Parts that are no answer yet are passed over. */
  readonly counts: (part: T) => boolean;
  readonly signal: AbortSignal;
}

/**
 * Asks one after the other until somebody answers. Undefined: the signal aborted. Rejects with the last one's error when nobody
 * is left; whoever is the last has no deadline but the conversation's own, because to give up on it would help nobody.
 */
export const firstToAnswer = <P, T>(asking: Asking<P, T>): Promise<Answering<P, T> | undefined> =>
  new Race(asking).run();

/** Which of them is asked next: those in order first, then whoever is known to fail, for want of anybody else. */
export function takeNext<P>(candidates: Rung<P>[]): { rung: Rung<P>; permit: Permit } | undefined {
  const take = (force: boolean): { rung: Rung<P>; permit: Permit } | undefined => {
    for (const [index, rung] of candidates.entries()) {
      const permit = rung.breaker.enter({ force });
      if (!permit) continue;
      candidates.splice(index, 1);
      return { rung, permit };
    }
    return undefined;
  };
  return take(false) ?? take(true);
}

/** Who of a list serves a call now: tells each change of it once. */
export class Standing<P> {
  readonly #stage: LadderStage;
  readonly #options: Pick<LadderOptions<P>, "rungs" | "onStep">;
  #at = 0;
  #told: string | undefined;

  constructor(stage: LadderStage, options: Pick<LadderOptions<P>, "rungs" | "onStep">) {
    this.#stage = stage;
    this.#options = options;
  }

  readonly step = (step: LadderStep): void => {
    if (step.type === "failed") this.#told = step.next;
    this.#options.onStep(step);
  };

  failed(rung: Rung<P>, error: unknown, next: Rung<P> | undefined): void {
    const code = codeOfFailure(error);
    this.step({ type: "failed", stage: this.#stage, provider: rung.name, next: next?.name, code, error });
  }

  took(rung: Rung<P>): void {
    const { rungs } = this.#options;
    const at = rungs.indexOf(rung);
    const before = rungs[this.#at];
    if (at === this.#at || !before) return;
    const told = this.#told === rung.name;
    this.#at = at;
    this.#told = undefined;
    const { name: provider } = rung;
    const stage = this.#stage;
    // Whoever takes over from one that failed has been told of.
    if (told) return;
    if (rungs.indexOf(before) > at) this.step({ type: "returned", stage, provider });
    else {
      const code = before.breaker.state === "closed" ? "slow" : "open";
      this.step({ type: "failed", stage, provider: before.name, next: provider, code });
    }
  }
}

/** The code that a failure is counted and reported by. */
export const codeOfFailure = (error: unknown): string => (error instanceof ProviderError ? error.code : "failed");

/** What a next request would not mend by itself. */
export const isGrave = (error: unknown): boolean =>
  error instanceof ProviderError && ["refused", "overloaded", "missing"].includes(error.code);

/** Connections to whoever is likely to be asked: the first, and who follows if that fails. Never rejects. */
export async function connectFirst<P>(
  rungs: readonly Rung<P>[],
  connect: (rung: Rung<P>) => Promise<void> | undefined,
): Promise<void> {
  const likely = rungs.filter(({ breaker }) => breaker.state !== "open").slice(0, 2);
  await Promise.allSettled(likely.map((rung) => connect(rung)));
}

/** Nobody waits for what a provider still does. */
export function leave(parts: AsyncIterator<unknown>): void {
  parts.return?.()?.catch(() => undefined);
}

interface Attempt<P> {
  readonly rung: Rung<P>;
  readonly permit: Permit;
  readonly abort: AbortController;
  deadline: Timer | undefined;
}

class Race<P, T> {
  readonly #asking: Asking<P, T>;
  readonly #running = new Set<Attempt<P>>();
  readonly #won = Promise.withResolvers<Answering<P, T> | undefined>();
  #hedge: Timer | undefined;
  #over = false;

  constructor(asking: Asking<P, T>) {
    this.#asking = asking;
  }

  async run(): Promise<Answering<P, T> | undefined> {
    const { signal, stage } = this.#asking;
    if (signal.aborted) return undefined;
    const onAbort = (): void => {
      for (const attempt of [...this.#running]) {
        attempt.permit.release();
        // With the reason, by which a provider that hung is told from one whose caller spoke.
        this.#drop(attempt, signal.reason);
      }
      this.#end(undefined);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (!this.#start()) throw new ProviderError(stage, "missing", "nobody is left to ask");
      return await this.#won.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Asks the next one. False: there is none. */
  #start(): boolean {
    const { candidates, clock, limits } = this.#asking;
    const next = takeNext(candidates);
    if (!next) return false;
    const attempt: Attempt<P> = { ...next, abort: new AbortController(), deadline: undefined };
    this.#running.add(attempt);
    this.#watch(attempt);
    void this.#ask(attempt);
    this.#hedge?.cancel();
    this.#hedge = undefined;
    if (candidates.length === 0 || !this.#running.has(attempt)) return true;
    // A trial is no caller's to wait for: somebody who is known to answer is asked at the same time.
    if (next.permit.trial) this.#start();
    else if (limits.hedgeMs > 0) this.#hedge = clock.after(limits.hedgeMs, () => void this.#start());
    return true;
  }

  #watch(attempt: Attempt<P>): void {
    const { candidates, clock, limits } = this.#asking;
    if (candidates.length === 0 && this.#running.size === 1) return;
    const { name } = attempt.rung;
    attempt.deadline = clock.after(limits.firstMs, () =>
      this.#fail(attempt, new ProviderError(name, "timeout", `nothing within ${limits.firstMs} ms`)),
    );
  }

  async #ask(attempt: Attempt<P>): Promise<void> {
    const { open, counts } = this.#asking;
    const { rung, permit, abort } = attempt;
    const { signal } = abort;
    let parts: AsyncIterator<T> | undefined;
    try {
      parts = open(rung, signal)[Symbol.asyncIterator]();
      for (;;) {
        const part = await abortable(parts.next(), signal);
        if (part.done) throw new ProviderError(rung.name, "protocol", "an empty answer");
        if (!counts(part.value)) continue;
        if (this.#over) {
          // A trial that somebody else was faster than: it has shown what it was to show.
          permit.ok();
          this.#drop(attempt);
          break;
        }
        attempt.deadline?.cancel();
        this.#running.delete(attempt);
        this.#end({ rung, permit, first: part.value, parts, abort });
        return;
      }
    } catch (error) {
      this.#fail(attempt, error);
    }
    if (parts) leave(parts);
  }

  #fail(attempt: Attempt<P>, error: unknown): void {
    const { stage, onStep, candidates } = this.#asking;
    if (!this.#running.has(attempt)) return;
    const { rung, permit } = attempt;
    permit.failed({ grave: isGrave(error) });
    this.#drop(attempt, error);
    const told = { type: "failed", stage, provider: rung.name, code: codeOfFailure(error), error } as const;
    if (this.#over) return;
    const next = this.#running.values().next().value?.rung ?? peekNext(candidates);
    onStep({ ...told, next: next?.name });
    const [left, ...others] = this.#running;
    if (left && others.length === 0 && candidates.length === 0) left.deadline?.cancel();
    if (left) return;
    if (!this.#start()) this.#end(undefined, error);
  }

  #drop(attempt: Attempt<P>, reason?: unknown): void {
    attempt.deadline?.cancel();
    this.#running.delete(attempt);
    attempt.abort.abort(reason);
  }

  /** Whoever is still being asked is let go, but for a trial: that one is watched until it has answered, or was given time to. */
  #end(winner: Answering<P, T> | undefined, error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#hedge?.cancel();
    for (const attempt of [...this.#running]) {
      if (winner && attempt.permit.trial) continue;
      attempt.permit.release();
      // It has not failed: it may still be asked when the winner does.
      this.#asking.candidates.unshift(attempt.rung);
      this.#drop(attempt);
    }
    if (error === undefined) this.#won.resolve(winner);
    else this.#won.reject(error);
  }
}

/** Whom `takeNext` would take. */
export const peekNext = <P>(candidates: readonly Rung<P>[]): Rung<P> | undefined =>
  candidates.find(({ breaker }) => breaker.state === "closed" || breaker.state === "due") ?? candidates[0];
