import { systemClock } from "../../src/base/clock.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import type { CallLeg } from "../../src/caller/leg.ts";

/** All that is known of a caller of whom nobody can say who has the call: what came since the kill, and what is written down. */
export function puzzleOf(
  { name, leg, deaths }: { name: string; leg: CallLeg; deaths: number },
  { killedMs, attempt, record }: { killedMs: number; attempt: number | undefined; record: Cdr | undefined },
): string {
  const since = (ms: number): number => Math.round(ms - killedMs);
  const packets = [...leg.log.packets({ direction: "received", fromMs: killedMs })].length;
  const due = since(systemClock.now()) / 20;
  const spells = leg.heard.spells
    .filter(({ endMs }) => endMs > killedMs)
    .map(({ startMs, endMs }) => `${since(startMs)} to ${since(endMs)}`);
  const said = record?.turns.map(({ agent, heardMs }) => `"${agent.slice(0, 30)}" ${heardMs} ms`) ?? [];
  return [
    `${name}, ${deaths} agents lost before: ${leg.signal.aborted ? "the call has ended" : "the call is up"}`,
    `${packets} packets of ${Math.round(due)}, sound from ms ${spells.join(", ") || "never"}`,
    `journal: attempt ${attempt ?? "none"}`,
    record
      ? `record: attempt ${record.attempt}, ended ${record.ended}, next ${JSON.stringify(record.next)}, lost ${record.fallbacks.join(" ")}, said ${said.join(", ")}`
      : "no record",
  ].join("; ");
}
