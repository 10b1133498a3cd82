import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { type CallRecord, handleCall } from "../call/call.ts";
import type { Leg, Next } from "../call/engine.ts";
import { converse } from "../conversation/conversation.ts";
import { defaultLimits } from "../conversation/limits.ts";
import type { ConversationObserver } from "../conversation/observer.ts";
import type { LiveCalls } from "../server/live.ts";
import type { Generation } from "./generation.ts";
import { measureConversation, tellAll } from "./measure.ts";

interface DeskOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly live: LiveCalls;
  readonly generation: () => Generation;
}

/** Where lent calls arrive: admitted within the limit, given to their agent, counted, and given back when the service stops. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #legs = new Set<Leg>();
  /** Calls that were taken from their conversation, and where they went: for the conversation it looks like a hang-up. */
  readonly #taken = new Map<Leg, Next>();
  readonly #waiting = new Set<() => void>();
  #closing = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  get calls(): number {
    return this.#legs.size;
  }

  get closing(): boolean {
    return this.#closing;
  }

  async onLeg(leg: Leg): Promise<void> {
    const { log, metrics } = this.#options;
    const generation = this.#options.generation();
    const reason = this.#refusal(generation);
    if (reason !== undefined) {
      metrics.fallbacks.inc({ reason });
      log.warn({ call: leg.id, reason }, "a call was refused and goes to the menu");
      await leg.giveBack({ next: "menu", reason });
      return;
    }
    const leave = generation.enter();
    this.#legs.add(leg);
    this.#count();
    try {
      await runCall(leg, generation, { ...this.#options, taken: this.#taken });
    } finally {
      this.#legs.delete(leg);
      this.#taken.delete(leg);
      leave();
      this.#count();
    }
  }

  /** From now on every new call goes to the menu. */
  refuseNew(): void {
    this.#closing = true;
  }

  /** Resolves when no call is up, or after `ms`. */
  whenIdle(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting.delete(end);
        resolve();
      };
      const timer = this.#options.clock.after(ms, end);
      this.#waiting.add(end);
      if (this.#legs.size === 0) end();
    });
  }

  /** The dialplan gets every call back at once. */
  async giveAllBack(reason: string): Promise<void> {
    const { log } = this.#options;
    if (this.#legs.size > 0)
      log.warn({ calls: this.#legs.size, reason }, "running calls are given back to the dialplan");
    const next: Next = { next: "menu", reason };
    for (const leg of this.#legs) this.#taken.set(leg, next);
    const ends = await Promise.allSettled([...this.#legs].map((leg) => leg.giveBack(next)));
    for (const end of ends) {
      if (end.status === "rejected") log.error({ err: end.reason }, "a call could not be given back");
    }
  }

  #refusal({ config }: Generation): string | undefined {
    if (this.#closing) return "drain";
    return this.#legs.size >= config.limits.calls ? "overload" : undefined;
  }

  #count(): void {
    this.#options.metrics.callsActive.set(this.#legs.size);
    if (this.#legs.size === 0) for (const wake of [...this.#waiting]) wake();
  }
}

type RecordOptions = DeskOptions & { readonly taken: ReadonlyMap<Leg, Next> };

type Record = CallRecord & { readonly observer: ConversationObserver };

/** One call, by the generation that it began with. */
async function runCall(leg: Leg, generation: Generation, options: RecordOptions): Promise<void> {
  const { clock, log } = options;
  const { agent, providers } = generation.agentFor(leg);
  const callLog = log.child({ call: leg.id, agent: agent.name });
  await handleCall<Record>(leg, {
    log: callLog,
    openRecord: () => openRecord(leg, agent.name, options),
    converse: (media, _leg, { observer }) =>
      converse({
        media,
        leg,
        agent,
        providers,
        clock,
        log: callLog,
        observer,
        limits: defaultLimits,
        signal: leg.signal,
      }),
    // What a call leaves behind is, for now, its line in the log.
    saveRecord: async (record) => callLog.info(record, "call ended"),
  });
}

function openRecord(leg: Leg, agent: string, { clock, metrics, live, taken }: RecordOptions): Record {
  const entry = live.open(leg, agent);
  const startMs = clock.now();
  const marks: { [what: string]: number } = {};
  let turns = 0;
  const counter: ConversationObserver = { callerWords() {}, agentWords() {}, bargeIn() {}, turn: () => turns++ };
  return {
    observer: tellAll([measureConversation(metrics), counter, entry]),
    mark(what) {
      marks[`${what}Ms`] = Math.round(clock.now() - startMs);
    },
    close(agreed: Next) {
      const next = taken.get(leg) ?? agreed;
      entry.ended(next);
      metrics.calls.inc({ direction: leg.direction, outcome: next.next });
      if (next.next === "menu") metrics.fallbacks.inc({ reason: next.reason });
      return {
        durationMs: Math.round(clock.now() - startMs),
        ...marks,
        turns,
        codec: leg.codec,
        attempt: leg.attempt,
        ...next,
      };
    },
  };
}
