import type { Clock } from "../base/clock.ts";
import { withDeadline } from "../base/signals.ts";
import type { Leg } from "../call/engine.ts";
import type { MemoryStore, Remembered } from "../call/memory.ts";
import { callerNumber } from "../call/number.ts";
import type { Config } from "../config/config.ts";
import { type CallerMemory, memoryTools } from "../conversation/memory.ts";
import type { MoreTools } from "../conversation/tools.ts";

/** What a caller may be kept waiting for: a disk that is slower than this costs the facts, and no greeting. */
const FACTS_MS = 150;

/** What is remembered of one call's caller. */
export interface Remembering {
  /** What was noted in earlier calls. Nothing, where that is not known in time. */
  facts(): Promise<readonly Remembered[]>;
  readonly tools: MoreTools;
}

const NOBODY: Remembering = { facts: async () => [], tools: () => [] };

export interface RememberingOptions {
  readonly memory: Config["memory"];
  /** The agent remembers callers. */
  readonly wanted: boolean;
  readonly agent: string;
  readonly store: MemoryStore;
  readonly clock: Clock;
}

/** Begins to look for what is known of the caller. Of who withholds the number nothing is known, and nothing is noted. */
export function remembering(
  { direction, from, to }: Pick<Leg, "direction" | "from" | "to">,
  { memory, wanted, agent, store, clock }: RememberingOptions,
): Remembering {
  const number = memory && wanted ? callerNumber(direction === "outbound" ? to : from, memory) : undefined;
  if (number === undefined) return NOBODY;
  const known = store.recall(number);
  const caller: CallerMemory = {
    recall: () => store.recall(number),
    remember: (text) => store.remember(number, { agent, text }),
  };
  return { facts: () => soon(known, clock), tools: () => memoryTools(caller) };
}

const soon = (known: Promise<readonly Remembered[]>, clock: Clock): Promise<readonly Remembered[]> =>
  withDeadline(() => known, { clock, ms: FACTS_MS, message: "" }).catch(() => []);
