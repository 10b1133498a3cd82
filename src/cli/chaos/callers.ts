import type { Clock } from "../../base/clock.ts";
import { OutsideError } from "../../base/errors.ts";
import type { CallLeg } from "../../caller/leg.ts";
import type { Phone } from "../../caller/phone.ts";
import { heardSound } from "../demo/actors.ts";
import { fateOf } from "./fate.ts";
import type { Fate } from "./rows.ts";
import type { RunningService } from "./service.ts";

/** A simulated caller in mid-call, and the service's name for the call. */
export interface Caller {
  readonly leg: CallLeg;
  readonly id: string;
}

export interface Line {
  readonly phone: Pick<Phone, "call">;
  readonly target: string;
  readonly service: RunningService;
  /** The menu's prompt, at the phone's rate. */
  readonly menu: Int16Array;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Whoever is cut off then is cut off in mid-sentence. */
const SPOKEN_MS = 300;
const LISTED_MS = 5000;
const SPEAKS_MS = 10_000;
const LOOK_MS = 100;
/** After that a call that nobody has and in which nothing is heard is lost. */
const TOLD_MS = 3000;

/** Calls one after the other, so that each is told from the others, and waits until an agent speaks in all of them. */
export async function callUp(line: Line, count: number): Promise<Caller[]> {
  const callers: Caller[] = [];
  try {
    for (let placed = 0; placed < count; placed++) callers.push(await callOnce(line));
    const deadline = AbortSignal.any([line.signal, AbortSignal.timeout(SPEAKS_MS)]);
    for (const { leg } of callers)
      await leg.heard.soundFor({ ms: SPOKEN_MS, sinceMs: leg.times.answeredMs ?? 0, signal: deadline });
    return callers;
  } catch (error) {
    await hangUp(callers);
    line.signal.throwIfAborted();
    if (error instanceof OutsideError) throw error;
    throw new OutsideError("NO_AGENT", `no agent speaks to ${line.target}`, { cause: error });
  }
}

export const hangUp = async (callers: readonly Caller[]): Promise<void> =>
  void (await Promise.all(callers.map(({ leg }) => leg.hangUp())));

async function callOnce({ phone, target, service, clock, signal }: Line): Promise<Caller> {
  const before = new Set((await service.calls()).map(({ id }) => id));
  const leg = await phone.call(target, { signal });
  try {
    await leg.answered;
    const deadline = clock.now() + LISTED_MS;
    while (clock.now() < deadline) {
      const id = (await service.calls()).map((call) => call.id).find((one) => !before.has(one));
      if (id !== undefined) return { leg, id };
      await clock.sleep(LOOK_MS, signal);
    }
    throw new OutsideError("NO_AGENT", `${target} was answered, but no worker of this service has the call`);
  } catch (error) {
    await leg.hangUp();
    throw error;
  }
}

/** What each of them has had of the fault so far. What is not decided yet is looked at again for a while: late is not lost. */
export async function fatesOf(line: Line, callers: readonly Caller[], faultMs: number): Promise<Fate[]> {
  const { clock, signal } = line;
  const deadline = clock.now() + TOLD_MS;
  for (;;) {
    // Who is slow to answer has its calls all the same.
    const calls = await line.service.calls().catch(() => []);
    const attempts = new Map(calls.map(({ id, attempt }) => [id, attempt]));
    const fates = await Promise.all(
      callers.map((caller) => fateSoFar(line, caller, { faultMs, attempt: attempts.get(caller.id) })),
    );
    if (clock.now() > deadline || fates.every(({ kind }) => kind !== "silent")) return fates;
    await clock.sleep(LOOK_MS, signal);
  }
}

async function fateSoFar(
  { menu, clock, signal }: Line,
  { leg }: Caller,
  { faultMs, attempt }: { faultMs: number; attempt: number | undefined },
): Promise<Fate> {
  const ended = leg.signal.aborted ? (await leg.ended).cause : undefined;
  const menuMs = await heardSound(leg, { sound: menu, sinceMs: faultMs, withinMs: 0, clock, signal });
  return fateOf({ faultMs, ended, spells: leg.heard.spells, menuMs, attempt });
}
