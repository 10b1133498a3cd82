import type { Clock } from "../base/clock.ts";
import type { CdrOutcome } from "../call/cdr.ts";
import type { Leg, Next } from "../call/engine.ts";
import type { ConversationObserver } from "../conversation/observer.ts";
import type { Turn, TurnLatency } from "../conversation/turn.ts";

/** A call that is up, as `/api/calls` shows it. */
export interface LiveCall {
  readonly id: string;
  readonly agent: string;
  /** The last three digits of the caller's number; the rest is nobody's business in a list. */
  readonly from: string;
  readonly to: string;
  readonly codec: string;
  readonly attempt: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly turns: number;
  readonly callerWords: string;
  readonly agentWords: string;
  readonly latency: TurnLatency;
}

export type LiveEvent =
  | { readonly type: "started"; readonly call: string; readonly agent: string; readonly from: string }
  | { readonly type: "callerWords"; readonly call: string; readonly text: string; readonly final: boolean }
  | { readonly type: "agentWords"; readonly call: string; readonly text: string }
  | { readonly type: "bargeIn"; readonly call: string; readonly ms: number }
  | { readonly type: "turn"; readonly call: string; readonly turn: Turn }
  | { readonly type: "ended"; readonly call: string; readonly next: Next; readonly seconds: number }
  | { readonly type: "outcome"; readonly call: string; readonly outcome: CdrOutcome };

/** One call's part of the list: its conversation's observer, and the end of it. */
export interface LiveEntry extends ConversationObserver {
  ended(next: Next): void;
  /** What the call came to; known some seconds after its end. */
  outcome(outcome: CdrOutcome): void;
}

export interface LiveCalls {
  open(leg: Leg, agent: string): LiveEntry;
  list(): LiveCall[];
  readonly count: number;
  /** Returns the way to end it. A listener must neither throw nor block. */
  subscribe(listener: (event: LiveEvent) => void): () => void;
}

const WORDS_MAX = 500;

/** "+4930123456" as "…456": enough to tell two callers apart. */
export const maskNumber = (number: string): string => (number.length > 3 ? `…${number.slice(-3)}` : "…");

interface Entry {
  readonly leg: Leg;
  readonly agent: string;
  readonly startMs: number;
  readonly startedAt: string;
  turns: number;
  callerWords: string;
  agentWords: string;
  latency: TurnLatency;
}

/** The calls that are up, and what happens in them. Kept in memory only: what is over is forgotten. */
export function createLiveCalls({ clock }: { clock: Clock }): LiveCalls {
  const calls = new Map<string, Entry>();
  const listeners = new Set<(event: LiveEvent) => void>();
  const tell = (event: LiveEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const secondsOf = (entry: Entry): number => Math.round((clock.now() - entry.startMs) / 1000);
  return {
    open(leg, agent) {
      const entry: Entry = {
        leg,
        agent,
        startMs: clock.now(),
        startedAt: new Date(clock.wall()).toISOString(),
        turns: 0,
        callerWords: "",
        agentWords: "",
        latency: {},
      };
      const call = leg.id;
      calls.set(call, entry);
      tell({ type: "started", call, agent, from: maskNumber(leg.from) });
      return observe(entry, { tell, secondsOf, forget: () => calls.get(call) === entry && calls.delete(call) });
    },
    list: () => [...calls.values()].map((entry) => liveCall(entry, secondsOf(entry))),
    get count() {
      return calls.size;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

interface Household {
  tell(event: LiveEvent): void;
  secondsOf(entry: Entry): number;
  forget(): void;
}

function observe(entry: Entry, { tell, secondsOf, forget }: Household): LiveEntry {
  const call = entry.leg.id;
  let over = false;
  return {
    callerWords(text, final) {
      entry.callerWords = text.slice(0, WORDS_MAX);
      tell({ type: "callerWords", call, text: entry.callerWords, final });
    },
    agentWords(text) {
      entry.agentWords = text.slice(0, WORDS_MAX);
      tell({ type: "agentWords", call, text: entry.agentWords });
    },
    bargeIn(ms) {
      tell({ type: "bargeIn", call, ms });
    },
    turn(turn) {
      entry.turns++;
      entry.latency = turn.latency;
      tell({ type: "turn", call, turn });
    },
    ended(next) {
      if (over) return;
      over = true;
      forget();
      tell({ type: "ended", call, next, seconds: secondsOf(entry) });
    },
    outcome(outcome) {
      tell({ type: "outcome", call, outcome });
    },
  };
}

function liveCall({ leg, ...entry }: Entry, seconds: number): LiveCall {
  return {
    id: leg.id,
    agent: entry.agent,
    from: maskNumber(leg.from),
    to: leg.did || leg.to,
    codec: leg.codec,
    attempt: leg.attempt,
    startedAt: entry.startedAt,
    seconds,
    turns: entry.turns,
    callerWords: entry.callerWords,
    agentWords: entry.agentWords,
    latency: entry.latency,
  };
}
