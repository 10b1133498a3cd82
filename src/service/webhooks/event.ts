import { type Cdr, durationOf } from "../../call/cdr.ts";

/** Receivers and proxies refuse what is much longer. */
const BODY_MAX_BYTES = 256 * 1024;

/** What a receiver is told of a call whose record is complete. `sequence`: of two messages the one with the higher is the later one. */
export function eventOf(cdr: Cdr, { sequence, transcript }: { sequence: number; transcript: boolean }): string {
  const { id, engine, agent, direction, from, fromName, to, did, language, started, answered, ended } = cdr;
  const { next, hangupCause, outcome, notes, fallbacks, words } = cdr;
  const data = {
    ...{ call: id, engine, agent, direction, from, fromName, to, did, language, started, answered, ended },
    ...{ durationMs: durationOf(cdr) ?? null, next, hangupCause, outcome, notes, fallbacks },
    turns: cdr.turns.length,
    recording: cdr.recording?.path ?? null,
  };
  const turns = cdr.turns.map(({ callerMs, caller, heard }) => ({ ms: callerMs, caller, agent: heard }));
  const told = (more: object): string =>
    JSON.stringify({ type: "call.ended", timestamp: ended, sequence, data: { ...data, ...more } });
  if (!transcript || !words) return told({});
  const whole = told({ transcript: turns });
  return Buffer.byteLength(whole) <= BODY_MAX_BYTES ? whole : told({ transcript: null });
}
