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

/** A call that is lent for the first time: nobody else has it. */
export function begun(leg: Leg, { journal, engine }: Pick<JournalContext, "journal" | "engine">): Taken {
  return { before: undefined, begin: (agent) => journal.begin(callOf(leg, engine), agent) };
}

/**
 * A call whose worker has died. Whoever claims it in the journal goes on with it, alone; of one that stands in no journal
 * nothing is known, and its agent begins anew.
 */
export async function takenOver(leg: Leg, options: JournalContext): Promise<Taken | "refused"> {
  const { journal, engine, metrics, log } = options;
  const claim = await journal.claim(callOf(leg, engine));
  const result = { mine: "resumed", refused: "refused", none: "anew" }[claim.type];
  metrics.takenOver.inc({ result });
  log.warn({ call: leg.id, result }, "a call is taken over whose worker has died");
  if (claim.type === "refused") return "refused";
  return claim.type === "none" ? begun(leg, options) : { before: claim.course, begin: () => claim.writer };
}

/** A call that comes back from a human who was not reached. One of which nothing is known any more begins anew. */
export async function comesBack(leg: Leg, options: JournalContext): Promise<Taken> {
  const { journal, engine, log } = options;
  const claim = (await journal.takeBack?.(callOf(leg, engine))) ?? { type: "none" };
  log.info({ call: leg.id, known: claim.type === "mine" }, "a call is back from a transfer");
  return claim.type === "mine" ? { before: claim.course, begin: () => claim.writer } : begun(leg, options);
}

const callOf = ({ id, from, to, direction, shaken = false }: Leg, engine: string): JournalledCall => ({
  ...{ id, from, to, direction, shaken, engine },
});

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
