import type { Clock } from "../base/clock.ts";
import type { HangupCause, Leg, Next } from "./engine.ts";

/** One exchange, as it goes on record. Times count from the moment the call was lent, in ms. */
export interface CdrTurn {
  readonly callerMs: number;
  /** What the caller said; empty for the greeting and for prompts. */
  readonly caller: string;
  /** Null: the agent said nothing. */
  readonly agentMs: number | null;
  readonly agent: string;
  /** The words of it that the caller heard, and for how long. */
  readonly heard: string;
  readonly heardMs: number;
  /** Where the time went, by stage; what did not happen is absent. */
  readonly latencyMs: Readonly<Record<string, number>>;
  readonly interrupted: boolean;
  readonly bargeInMs: number | null;
  readonly tools: readonly string[];
}

export interface CdrRecording {
  /** Absolute; null where nothing was recorded, or where the file is no longer kept. */
  readonly path: string | null;
  readonly consent: "none" | "announced" | "given" | "refused";
  /** Passages that were left out of it. */
  readonly pauses: number;
}

/** What a provider took for this call. Where it gave no figures, because a reply was given up, they are estimated. */
export interface CdrUsage {
  readonly provider: string;
  readonly requests: number;
  readonly inputTokens: number;
  /** Of the input's, those that the provider had kept. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly characters: number;
  /** By the configured prices; null where there are none. */
  readonly cost: number | null;
}

/** What a call came to, in the fields that its agent's file names. Filled after the call. */
export interface CdrOutcome {
  /** `partial`: some of it could not be had. `failed`: none of it. `pending`: it is being filled. */
  readonly state: "pending" | "complete" | "partial" | "failed";
  readonly summary: string;
  /** Null: nothing was said of it. */
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
  /** Why it is not complete. */
  readonly problems: readonly string[];
}

/** The record of a call, of the part that Sidetone had of it. Moments are UTC, ISO 8601. */
export interface Cdr {
  /** The PBX's own id of the call, which the log has too; "-2" follows where the dialplan lent the same call again. */
  readonly id: string;
  readonly engine: string;
  readonly direction: "inbound" | "outbound";
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly did: string;
  readonly diversion: string;
  readonly trunk: string;
  /** Empty: the call was refused before anybody answered it. */
  readonly agent: string;
  readonly language: string;
  readonly codec: string;
  readonly attempt: number;
  readonly started: string;
  /** When the agent was on the line; null when it never was. */
  readonly answered: string | null;
  /** Null: the call is up. */
  readonly ended: string | null;
  readonly turns: readonly CdrTurn[];
  /** In their order; those of protected passages are not among them. */
  readonly keys: string;
  readonly notes: readonly string[];
  readonly recording: CdrRecording | null;
  /** Why the caller's channel ended under the agent; null where the dialplan got the call back. */
  readonly hangupCause: HangupCause | null;
  /** What the dialplan was told. */
  readonly next: Next | null;
  /** What worse had to stand in for what is better, in order. */
  readonly fallbacks: readonly string[];
  readonly usage: readonly CdrUsage[];
  /** Null where the agent fills none, or did not come to it. */
  readonly outcome: CdrOutcome | null;
  /** Who is told of the call when its record is complete; empty: nobody. */
  readonly webhook: string;
  /** False: the words, keys and notes were removed, as their time was over. */
  readonly words: boolean;
}

/** Nothing is added to it any more. */
export const isComplete = ({ ended, outcome }: Pick<Cdr, "ended" | "outcome">): boolean =>
  ended !== null && outcome?.state !== "pending";

/** What may change while the call is up, apart from its turns. */
export type CdrChange = Partial<
  Pick<
    Cdr,
    | "answered"
    | "ended"
    | "keys"
    | "notes"
    | "recording"
    | "hangupCause"
    | "next"
    | "fallbacks"
    | "usage"
    | "outcome"
    | "language"
  >
>;

/** Where records are kept. Everything returns at once, never throws, and is done in its order, as soon as the disk lets it. */
export interface CdrStore {
  /** The call is up: from here on, somebody will close its record whatever becomes of this process. */
  open(cdr: Cdr): CdrEntry;
}

export interface CdrEntry {
  append(turn: CdrTurn, change: CdrChange): void;
  change(change: CdrChange): void;
  /** With this the record is complete. Once. */
  close(change: CdrChange): void;
}

/** An exchange as a conversation tells of it. */
export interface SpokenTurn {
  readonly caller: { readonly text: string; readonly startMs: number };
  readonly agent?: {
    readonly text: string;
    readonly startMs: number;
    readonly heardMs: number;
    readonly heardText: string;
  };
  readonly tools: readonly string[];
  readonly latency: Readonly<Record<string, number>> | object;
  readonly interrupted: boolean;
  readonly bargeInMs?: number;
}

/** A limit on everything: a call that reaches one of these has gone wrong somewhere. */
const TURNS_MAX = 1000;
const TEXT_MAX = 20_000;
const KEYS_MAX = 500;
const NOTES_MAX = 50;
const NOTE_MAX = 1000;
const FALLBACKS_MAX = 50;
const PROVIDERS_MAX = 20;

/** A record that is being written. */
export interface OpenCdr {
  readonly cdr: Cdr;
  /** The agent is on the line. */
  answered(): void;
  turn(turn: SpokenTurn): void;
  /** A key that was pressed outside protected passages. */
  key(digit: string): void;
  /** False: there are enough notes, and this one is not kept. */
  note(text: string): boolean;
  /** The language that is spoken from now on. */
  language(language: string): void;
  fallback(reason: string): void;
  /** A request to a provider is over. */
  usage(usage: Partial<CdrUsage> & Pick<CdrUsage, "provider">): void;
  recording(recording: CdrRecording | null): void;
  /** The dialplan has the call again; the record is closed later. */
  over(): void;
  /** Once, when the dialplan has the call again. `pending`: an outcome follows, and with it the record is complete. */
  close(next: Next, hangupCause: HangupCause | null, options?: { pending: boolean }): Cdr;
  /** Once, after such a close. */
  outcome(outcome: CdrOutcome): Cdr;
}

export interface OpenCdrOptions {
  readonly engine: string;
  readonly agent: string;
  readonly clock: Clock;
  readonly store: CdrStore;
  readonly webhook?: string;
}

export function openCdr(leg: Leg, { engine, agent, clock, store, webhook = "" }: OpenCdrOptions): OpenCdr {
  // The wall clock may jump while the call is up: only its beginning is asked of it.
  const [startedWallMs, startedMs] = [clock.wall(), clock.now()];
  const now = (): string => new Date(Math.round(startedWallMs + clock.now() - startedMs)).toISOString();
  const turns: CdrTurn[] = [];
  let overAt: string | undefined;
  let cdr: Cdr = { ...emptyCdr(leg, { engine, agent, started: now() }), webhook, turns };
  const entry = store.open({ ...cdr, turns: [] });
  // Keys come between turns, and go with the next one: nobody wakes the disk for each of them.
  let unsaved: CdrChange = {};
  const later = (change: CdrChange): void => {
    cdr = { ...cdr, ...change };
    unsaved = { ...unsaved, ...change };
  };
  const saved = (): CdrChange => {
    const change = unsaved;
    unsaved = {};
    return change;
  };
  return {
    get cdr() {
      return cdr;
    },
    answered() {
      later({ answered: now() });
      entry.change(saved());
    },
    turn(spoken) {
      if (turns.length >= TURNS_MAX) return;
      const turn = turnOnRecord(spoken);
      turns.push(turn);
      entry.append(turn, saved());
    },
    key(digit) {
      if (cdr.keys.length < KEYS_MAX) later({ keys: cdr.keys + digit });
    },
    note(text) {
      if (cdr.notes.length >= NOTES_MAX) return false;
      later({ notes: [...cdr.notes, text.slice(0, NOTE_MAX)] });
      entry.change(saved());
      return true;
    },
    language(language) {
      later({ language });
    },
    fallback(reason) {
      if (cdr.fallbacks.length < FALLBACKS_MAX) later({ fallbacks: [...cdr.fallbacks, reason] });
    },
    usage(usage) {
      later({ usage: addUsage(cdr.usage, usage) });
    },
    recording(recording) {
      later({ recording });
      entry.change(saved());
    },
    over() {
      overAt ??= now();
    },
    close(next, hangupCause, { pending } = { pending: false }) {
      if (next.next === "menu") this.fallback(next.reason);
      later({ ended: overAt ?? now(), next, hangupCause, ...(pending && { outcome: PENDING }) });
      if (pending) entry.change(saved());
      else entry.close(saved());
      return cdr;
    },
    outcome(outcome) {
      later({ outcome });
      entry.close(saved());
      return cdr;
    },
  };
}

const PENDING: CdrOutcome = Object.freeze({ state: "pending", summary: "", fields: {}, problems: [] });

export function emptyCdr(
  leg: Leg,
  { engine, agent, started }: { engine: string; agent: string; started: string },
): Cdr {
  const { id, direction, from, fromName, to, did, diversion, trunk, language, codec, attempt } = leg;
  return {
    ...{ id, engine, direction, from, fromName, to, did, diversion, trunk, agent, language, codec, attempt, started },
    answered: null,
    ended: null,
    turns: [],
    keys: "",
    notes: [],
    recording: null,
    hangupCause: null,
    next: null,
    fallbacks: [],
    usage: [],
    outcome: null,
    webhook: "",
    words: true,
  };
}

function addUsage(
  all: readonly CdrUsage[],
  { provider, cost = null, ...more }: Parameters<OpenCdr["usage"]>[0],
): CdrUsage[] {
  const none = { requests: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, characters: 0, cost: null };
  const before = all.find((one) => one.provider === provider) ?? { provider, ...none };
  const others = all.filter((one) => one !== before);
  if (others.length >= PROVIDERS_MAX) return [...all];
  const { inputTokens = 0, cachedTokens = 0, outputTokens = 0, characters = 0 } = more;
  const sum: CdrUsage = {
    provider,
    requests: before.requests + 1,
    inputTokens: before.inputTokens + inputTokens,
    cachedTokens: before.cachedTokens + cachedTokens,
    outputTokens: before.outputTokens + outputTokens,
    characters: before.characters + characters,
    cost: cost === null && before.cost === null ? null : (before.cost ?? 0) + (cost ?? 0),
  };
  return all.includes(before) ? all.map((one) => (one === before ? sum : one)) : [...all, sum];
}

/** What a call cost by the configured prices; null where there are none. */
export function costOf({ usage }: Pick<Cdr, "usage">): number | null {
  const costs = usage.flatMap(({ cost }) => (cost === null ? [] : [cost]));
  return costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0);
}

function turnOnRecord({ caller, agent, tools, latency, interrupted, bargeInMs }: SpokenTurn): CdrTurn {
  return {
    callerMs: Math.round(caller.startMs),
    caller: caller.text.slice(0, TEXT_MAX),
    agentMs: agent ? Math.round(agent.startMs) : null,
    agent: agent?.text.slice(0, TEXT_MAX) ?? "",
    heard: agent?.heardText.slice(0, TEXT_MAX) ?? "",
    heardMs: Math.round(agent?.heardMs ?? 0),
    latencyMs: { ...latency },
    interrupted,
    bargeInMs: bargeInMs ?? null,
    tools: [...tools],
  };
}

/** How long the call was with us, in ms; undefined while it is up. */
export const durationOf = ({ started, ended }: Pick<Cdr, "started" | "ended">): number | undefined =>
  ended === null ? undefined : Math.max(0, Date.parse(ended) - Date.parse(started));

/** The call's one line in the log: no number, no word of what was said. */
export function summaryOf(cdr: Cdr): object {
  const { answered, turns, codec, attempt, hangupCause, next, fallbacks, recording } = cdr;
  const totals = turns.flatMap(({ latencyMs: { totalMs } }) => (totalMs === undefined ? [] : [totalMs]));
  const sorted = totals.sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  return {
    durationMs: durationOf(cdr),
    ...(answered !== null && { mediaMs: Math.max(0, Date.parse(answered) - Date.parse(cdr.started)) }),
    turns: turns.length,
    interruptions: turns.filter(({ interrupted }) => interrupted).length,
    ...(median !== undefined && { replyMs: Math.round(median), slowestReplyMs: Math.round(sorted.at(-1) ?? median) }),
    codec,
    attempt,
    ...(recording !== null && { recorded: recording.path !== null, consent: recording.consent }),
    ...(hangupCause !== null && { hangupCause }),
    ...(fallbacks.length > 0 && { fallbacks }),
    ...next,
  };
}
