import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Leg } from "../call/engine.ts";
import type { CallJournal, Course, CourseWriter, JournalledCall } from "../call/journal.ts";
import type { Turn } from "../conversation/turn.ts";

interface JournalContext {
  readonly journal: CallJournal;
  readonly engine: string;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** A call that is ours, with what was said before it was. */
export interface Taken {
  readonly before: Course | undefined;
  /** From now on its course is written down. Once. */
  begin(agent: string): CourseWriter;
}

/**
 * Whether a lent call is ours to talk with. The first time it always is. When its worker died, whoever claims it in the journal
 * goes on with it, alone; of one that stands in no journal nothing is known, and its agent begins anew.
 */
export async function onJournal(
  leg: Leg,
  { journal, engine, metrics, log }: JournalContext,
): Promise<Taken | "refused"> {
  const { id, from, to, direction, attempt } = leg;
  const call: JournalledCall = { id, from, to, direction, engine };
  const anew: Taken = { before: undefined, begin: (agent) => journal.begin(call, agent) };
  if (attempt < 2) return anew;
  const claim = await journal.claim(call);
  const result = { mine: "resumed", refused: "refused", none: "anew" }[claim.type];
  metrics.takenOver.inc({ result });
  log.warn({ call: id, result }, "a call is taken over whose worker has died");
  if (claim.type === "refused") return "refused";
  return claim.type === "none" ? anew : { before: claim.course, begin: () => claim.writer };
}

/** What was being said when the worker died, for the record: nobody else can tell it any more. */
export function cutTurn({ cut, history }: Course): Turn | undefined {
  if (!cut) return undefined;
  const last = history.at(-1);
  return {
    index: 0,
    caller: { text: last?.role === "caller" ? last.text : "", startMs: 0 },
    agent: { text: cut.pieces.join(" "), startMs: 0, heardMs: 0, heardText: cut.pieces.slice(0, cut.at).join(" ") },
    tools: [],
    latency: {},
    interrupted: false,
  };
}
