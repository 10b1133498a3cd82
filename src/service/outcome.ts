import type { Clock } from "../base/clock.ts";
import type { CdrTurn } from "../call/cdr.ts";
import type { Course } from "../call/journal.ts";
import type { OutcomeSettings } from "../config/outcome.ts";
import { type CollectOptions, collectOutcome, type OutcomeForm, type Talked } from "../conversation/outcome.ts";
import type { Record } from "./record.ts";

export const formOf = ({ deadlineSeconds, ...form }: OutcomeSettings): OutcomeForm => ({
  ...form,
  deadlineMs: deadlineSeconds * 1000,
});

export interface FillOptions extends Pick<CollectOptions, "llm" | "form" | "language"> {
  readonly record: Record;
  /** What another worker has talked with this caller. */
  readonly before: Course | undefined;
  readonly clock: Clock;
}

/** Fills what a call came to when it is over: the caller has gone, and waits for nothing of it. Never rejects. */
export async function fillOutcome({ record, before, ...options }: FillOptions, signal: AbortSignal): Promise<void> {
  const turns = [...(before ? talkedBefore(before) : []), ...record.cdr.cdr.turns.map(talkedOf)];
  const onUsage: CollectOptions["onUsage"] = (usage) => record.observer.usage?.(usage);
  record.outcome(await collectOutcome({ ...options, turns, signal, onUsage }));
}

const talkedOf = ({ caller, heard }: CdrTurn): Talked => ({ caller, heard });

function talkedBefore({ history }: Course): Talked[] {
  return history.flatMap((message) => {
    if (message.role === "caller") return [{ caller: message.text, heard: "" }];
    return message.role === "agent" ? [{ caller: "", heard: message.text }] : [];
  });
}
