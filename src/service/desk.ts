import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { withDeadline } from "../base/signals.ts";
import { handleCall } from "../call/call.ts";
import { type Cdr, type CdrStore, summaryOf } from "../call/cdr.ts";
import type { Leg, Next } from "../call/engine.ts";
import { mayReturn, type TransferResult } from "../call/handover.ts";
import type { CallJournal, CourseWriter } from "../call/journal.ts";
import type { MemoryStore } from "../call/memory.ts";
import { converse } from "../conversation/conversation.ts";
import type { LadderStep } from "../conversation/ladder.ts";
import { defaultLimits } from "../conversation/limits.ts";
import { withFacts } from "../conversation/memory.ts";
import type { Reception } from "../conversation/person.ts";
import type { LiveCalls } from "../server/live.ts";
import type { Briefs } from "./briefs.ts";
import type { Callers } from "./callers.ts";
import { connectAhead, rateOfCodec } from "./connect.ts";
import type { Generation, StaffedAgent } from "./generation.ts";
import { begun, comesBack, cutTurn, type Taken, takenOver } from "./journalled.ts";
import type { Opening } from "./opening.ts";
import { fillOutcome } from "./outcome.ts";
import { openRecord, type Record, recordRefusal } from "./record.ts";
import { remembering } from "./remembering.ts";
import { spokenBy } from "./spoken.ts";
import { returnedFrom, Transfers } from "./transfers.ts";

interface DeskOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly live: LiveCalls;
  readonly store: CdrStore;
  readonly journal: CallJournal;
  readonly memories: MemoryStore;
  readonly generation: () => Generation;
  /** Calls that are up in all workers; undefined: there is only this one. */
  readonly allCalls?: () => number;
  readonly callers: Pick<Callers, "admit">;
  /** The number of calls is another one. */
  readonly onCount?: () => void;
  /** What a call's agent does. Default: it converses. */
  readonly talk?: typeof converse;
  readonly opening: Pick<Opening, "agentIsOpen" | "hoursOf">;
  readonly briefs: Pick<Briefs, "speak">;
}

/** By then the dialplan has offered a call once more, or never will. */
const UNTOLD_MS = 5000;

/** Where lent calls arrive: admitted within the limit, given to their agent, counted, and given back when the service stops. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #legs = new Set<Leg>();
  /** Calls that were taken from their conversation, and where they went: for the conversation it looks like a hang-up. */
  readonly #taken = new Map<Leg, Next>();
  readonly #waiting = new Set<() => void>();
  /** What goes on when calls are over: their outcomes are filled. */
  readonly #after = new Set<Promise<void>>();
  readonly #afterAbort = new AbortController();
  readonly #transfers: Transfers;
  #closing = false;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#transfers = new Transfers(options);
  }

  get calls(): number {
    return this.#legs.size;
  }

  get closing(): boolean {
    return this.#closing;
  }

  async onLeg(leg: Leg, engine: string): Promise<void> {
    const { log, metrics } = this.#options;
    const generation = this.#options.generation();
    const reason = this.#refusal(leg, generation);
    if (reason !== undefined) {
      metrics.fallbacks.inc({ reason });
      const { overflow } = generation.config.limits;
      const toMenu = overflow === "menu" || reason === "drain";
      // The flood's own line says it once a minute.
      if (reason !== "flood")
        log.warn({ call: leg.id, reason, next: toMenu ? "menu" : overflow }, "a call was refused");
      const next: Next = toMenu ? { next: "menu", reason } : { next: "transfer", target: overflow, reason };
      await leg.giveBack(next);
      recordRefusal(leg, next, { ...this.#options, engine });
      return;
    }
    const leave = generation.enter();
    this.#legs.add(leg);
    this.#count();
    // What becomes of a transfer is waited for by the record alone: the call is not here any more.
    const gone = (): void => {
      if (this.#legs.delete(leg)) this.#count();
    };
    const taken = () => this.#taken.get(leg);
    let after: After | undefined;
    try {
      after = await runCall(leg, generation, { ...this.#options, engine, taken, transfers: this.#transfers, gone });
    } finally {
      gone();
      this.#taken.delete(leg);
      if (!after) leave();
    }
    if (!after) return;
    // The call is over: nobody waits for this but whoever closes the service.
    const job = after(this.#afterAbort.signal).finally(() => {
      leave();
      this.#after.delete(job);
    });
    this.#after.add(job);
  }

  /** What is done after the calls is brought to its end, and given up after `ms`. */
  async finish(ms: number): Promise<void> {
    const timer = this.#options.clock.after(ms, () => this.#afterAbort.abort());
    await Promise.allSettled(this.#after);
    timer.cancel();
  }

  /** The dialplan tells what became of a transfer. */
  transferred(call: string, result: TransferResult): void {
    this.#transfers.told(call, result);
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
    this.#transfers.close();
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

  #refusal({ attempt, from }: Leg, { config }: Generation): string | undefined {
    if (this.#closing) return "drain";
    // Whose worker has died was let in already, and is one of those that are up.
    if (attempt > 1) return undefined;
    const { calls, callsPerWorker = calls, callerPerMinute } = config.limits;
    if (!this.#options.callers.admit(from, callerPerMinute)) return "flood";
    const all = this.#options.allCalls?.() ?? this.#legs.size;
    return this.#legs.size >= callsPerWorker || all >= calls ? "overload" : undefined;
  }

  #count(): void {
    this.#options.metrics.callsActive.set(this.#legs.size);
    this.#options.onCount?.();
    if (this.#legs.size === 0) for (const wake of [...this.#waiting]) wake();
  }
}

interface CallOptions
  extends Pick<
    DeskOptions,
    "clock" | "log" | "metrics" | "live" | "store" | "journal" | "opening" | "briefs" | "memories" | "talk"
  > {
  readonly engine: string;
  readonly taken: () => Next | undefined;
  readonly transfers: Transfers;
  /** The dialplan has the call. May be called twice. */
  readonly gone: () => void;
}

/** What became of a provider is told where it happened: in this call's lines. */
function logStep(step: LadderStep, log: Log): void {
  if (step.type === "returned") {
    log.info({ stage: step.stage, provider: step.provider }, "a provider is back");
    return;
  }
  const { stage, provider, next, code, error } = step;
  const fields = {
    stage,
    provider,
    code,
    ...(next !== undefined && { next }),
    ...(error !== undefined && { err: error }),
  };
  log.warn(
    fields,
    next === undefined ? "a provider failed, and nobody is left" : "a provider failed; the next goes on",
  );
}

/** What is left to do when the call is over. Never rejects. */
type After = (signal: AbortSignal) => Promise<void>;

/** One call, by the generation that it began with. */
async function runCall(leg: Leg, generation: Generation, options: CallOptions): Promise<After | undefined> {
  const { clock, log, engine, talk = converse } = options;
  // The first time nothing is waited for.
  const first = leg.attempt < 2;
  const back = first ? leg.returned : undefined;
  const taken = back ? await comesBack(leg, options) : first ? begun(leg, options) : await takenOver(leg, options);
  if (taken === "refused") {
    const next: Next = { next: "menu", reason: "lost" };
    await leg.giveBack(next);
    recordRefusal(leg, next, { ...options, engine });
    return undefined;
  }
  const { before } = taken;
  if (before?.left) {
    await passOn(leg, before.left, taken, options);
    return undefined;
  }
  const known = generation.agentFor(before ? { ...numbersOf(leg), agent: before.agent } : leg);
  // Who was let in is not shown the door in the middle of a call.
  const open = before !== undefined || back !== undefined || options.opening.agentIsOpen(known.agent.name);
  const returned = back && returnedFrom(known.agent, back);
  const staffed = staffedNow(known, { open, greeting: before ? undefined : returned?.text });
  const { agent, filler, forCall, form, tools, remembers, webhook = "" } = staffed;
  const callLog = log.child({ call: leg.id, agent: agent.name });
  const { signal } = leg;
  const { memory } = generation.config;
  const caller = remembering(leg, { memory, wanted: remembers, agent: agent.name, store: options.memories, clock });
  const rate = rateOfCodec(leg.codec);
  connectAhead(
    agent,
    forCall(() => {}),
    { rate, signal },
  );
  const course = taken.begin(agent.name);
  let written: Record | undefined;
  const calling = handleCall<Record>(leg, {
    log: callLog,
    openRecord() {
      written = openRecord(leg, { ...options, agent: agent.name, course, webhook, fills: form !== undefined });
      return written;
    },
    async converse(media, _leg, record) {
      const { observer } = record;
      // Closed, and nobody has written a word for that.
      if (agent.afterGreeting && agent.greeting === "") return agent.afterGreeting;
      const limits = defaultLimits;
      const onStep = (step: LadderStep): void => {
        logStep(step, callLog);
        observer.fallback?.(step);
      };
      const facts = await caller.facts();
      const spoken = spokenBy(staffed, onStep, (one) => withFacts(one, facts));
      // A codec that is not what its name promised.
      if (media.rate !== rate) connectAhead(agent, spoken.providers, { rate: media.rate, signal });
      filler.prepare([media.rate], signal).catch((error: unknown) => callLog.debug({ err: error }, "no filler"));
      const reception: Reception = {
        hoursOf: (target, language) => options.opening.hoursOf(target, language),
        brief(text) {
          observer.note?.(`Brief: ${text}`);
          return options.briefs.speak(text, { agent: spoken.agent, tts: spoken.providers.tts });
        },
      };
      const parts = { reception, media, leg, ...spoken, clock, log: callLog, observer, limits, signal };
      const cut = before && cutTurn(before);
      if (cut) observer.turn(cut);
      const next = await talk({
        ...parts,
        tools: (scope) => [...tools(scope), ...caller.tools(scope)],
        journal: course,
        ...(before && { before, ...(returned && { returned }) }),
      });
      if (signal.aborted) return next;
      record.agreed();
      course.write({ type: "left", next });
      await park(next, course, options);
      options.transfers.expect(leg, next);
      return next;
    },
    given(next) {
      const outcome = options.transfers.outcome(leg, next, engine);
      if (outcome) options.gone();
      return outcome;
    },
    // The store has it already, and writes it when the disk lets it.
    saveRecord: async (cdr) => callLog.info(summaryOf(cdr as Cdr), "call ended"),
  });
  await calling.finally(() => leave(leg, course, clock));
  const record = written as Record | undefined;
  if (!form || record?.cdr.cdr.outcome?.state !== "pending") return undefined;
  const { llm } = forCall((step) => logStep(step, callLog));
  return (within) =>
    fillOutcome({ record, before, llm, form, language: record.cdr.cdr.language || agent.language, clock }, within);
}

/** Whoever is offered a call of which the dialplan knows nothing must find out that it is over. */
function leave({ untold }: Leg, course: CourseWriter, clock: Clock): void {
  if (untold) clock.after(UNTOLD_MS, () => course.end());
  else course.end();
}

/** The conversation was over when its worker died, or could not say so: the dialplan is told now. */
async function passOn(leg: Leg, next: Next, taken: Taken, options: CallOptions): Promise<void> {
  const course = taken.begin("");
  await park(next, course, options);
  await leg.giveBack(next);
  recordRefusal(leg, next, options);
  course.end();
}

/** As it answers now: outside of its hours with other words, and a caller who is back with what became of the transfer. */
function staffedNow(
  known: StaffedAgent,
  { open, greeting }: { open: boolean; greeting: string | undefined },
): StaffedAgent {
  if (!open) {
    const { closed, variants = [] } = known;
    return { ...known, agent: closed, variants: variants.map((variant) => ({ ...variant, agent: variant.closed })) };
  }
  return greeting === undefined ? known : { ...known, agent: { ...known.agent, greeting } };
}

const PARK_MS = 400;

/** The dialplan may lend it again within milliseconds: by then the journal has all of it. */
async function park(next: Next, course: CourseWriter, { clock, log }: CallOptions): Promise<void> {
  if (next.next !== "transfer" || !next.handover || !mayReturn(next.handover)) return;
  const message = "the disk does not take the journal";
  await withDeadline(() => course.park?.() ?? Promise.resolve(), { clock, ms: PARK_MS, message }).catch(
    (error: unknown) => log.warn({ err: error }, "should this call come back, nothing will be known of it"),
  );
}

const numbersOf = ({ did, to }: Leg) => ({ did, to });
