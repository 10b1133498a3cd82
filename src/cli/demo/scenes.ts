import type { Frame } from "../../audio/frame.ts";
import type { Clock } from "../../base/clock.ts";
import { OutsideError } from "../../base/errors.ts";
import type { CallLeg } from "../../caller/leg.ts";
import type { Phone } from "../../caller/phone.ts";
import { framesOf, type Said, type Sound } from "../../caller/speech.ts";
import { type Answered, heardSound } from "./actors.ts";
import { cough } from "./cough.ts";
import type { DemoFailover } from "./result.ts";
import type { Screen } from "./screen.ts";

/** What the caller says. None of these questions stands in the agent file in this form. */
export const LINES = {
  hours: "Could you tell me until what time you are open on Saturday?",
  parking: "Sorry, where can I park my car?",
  agreeing: "Mm-hm.",
  appointment: "I would like an appointment, please.",
  person: "I would like to speak to someone, please.",
} as const;

export type Line = keyof typeof LINES;

export interface Actors {
  readonly caller: Phone;
  /** The support phone's next call. */
  readonly support: { next(deadline: AbortSignal): Promise<Answered> };
  readonly lines: Readonly<Record<Line, readonly Frame[]>>;
  readonly menuPrompt: Int16Array;
  readonly number: string;
  /** The worker that is up now. */
  readonly workerPid: () => Promise<number>;
  readonly clock: Clock;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

export interface FirstCall {
  /**
   * The caller's last speech packet (or key) to the agent's first, in the order of the agent's replies; the greeting is counted
   * from the answer, and undefined stands for what answers nobody.
   */
  readonly repliesAfterMs: readonly (number | undefined)[];
  /** The agent fell silent for a cough and an "mm-hm", and went on. */
  readonly wentOn: boolean;
  readonly bargeInMs: number | null;
  readonly transferred: boolean;
}

/** No step of a call takes longer; the longest answer is heard in 15 s. */
const STEP_MS = 20_000;
/** A pause of the agent's that is the end of what it says. */
const END_OF_REPLY_MS = 900;
const TALK_OVER_AFTER_MS = 1800;
/** So long is the agent heard before the caller makes a sound of any kind. */
const LISTEN_MS = 1500;
/** An agent that fell silent for nothing is back by then. */
const GO_ON_MS = 2500;
const PHONE_NUMBER = "55012#";

/** Aborts when a step of the call takes too long, when the call is over, and when the demo is stopped. */
function step(actors: Actors, leg: CallLeg, what: string): AbortSignal {
  const over = AbortSignal.any([actors.signal, leg.signal]);
  if (over.aborted) return over;
  const late = new AbortController();
  const stuck = () =>
    late.abort(new OutsideError("STUCK", `the call got stuck: ${what} did not happen within ${STEP_MS / 1000} s`));
  const timer = actors.clock.after(STEP_MS, stuck);
  over.addEventListener("abort", () => timer.cancel(), { once: true });
  return AbortSignal.any([over, late.signal]);
}

/** The support phone's next call. Waited for later: until then a failure of it is nobody's. */
function nextAtSupport(actors: Actors, leg: CallLeg, what: string): Promise<Answered> {
  const answered = actors.support.next(step(actors, leg, what));
  answered.catch(() => {});
  return answered;
}

/** Greeting, a question with a cough and an "mm-hm" in the answer, another question over it, keys, silence, a person, hang-up. */
export async function firstCall(actors: Actors): Promise<FirstCall> {
  const { caller, clock, screen, number } = actors;
  const leg = await caller.call(number, { codec: "ulaw", signal: actors.signal });
  try {
    await leg.answered;
    const answeredMs = leg.times.answeredMs ?? clock.now();
    const greeting = (await leg.heard.sound({ signal: step(actors, leg, "the greeting") })) - answeredMs;
    await quiet(actors, leg);

    const hours = await ask(actors, leg, "hours");
    const wentOn = [
      await during(actors, leg, { sound: framesOf(cough()), what: "coughs" }),
      await during(actors, leg, { sound: actors.lines.agreeing, what: 'says "mm-hm"' }),
    ].every(Boolean);
    await listen(actors, leg);
    const parking = await ask(actors, leg, "parking", true);
    await quiet(actors, leg);

    const appointment = await ask(actors, leg, "appointment");
    await quiet(actors, leg);
    const keys = await press(actors, leg, PHONE_NUMBER);
    await quiet(actors, leg);
    screen.note("the caller says nothing");
    await leg.heard.sound({
      sinceMs: leg.nowMs(),
      signal: step(actors, leg, "the question whether somebody is there"),
    });
    await quiet(actors, leg);

    const support = nextAtSupport(actors, leg, "the transfer to the support phone");
    const person = await ask(actors, leg, "person");
    const transferred = await hears(actors, leg, support);
    const after = ({ replyMs, said }: Asked): number => replyMs - (said.lastSoundMs ?? replyMs);
    return {
      repliesAfterMs: [greeting, after(hours), after(parking), after(appointment), keys, undefined, after(person)],
      bargeInMs: parking.bargeInMs,
      wentOn,
      transferred,
    };
  } finally {
    await leg.hangUp();
    screen.note("the caller hangs up");
  }
}

/** Makes a sound in the middle of what the agent says, which is no reason to end it. Returns whether the agent went on. */
async function during(actors: Actors, leg: CallLeg, { sound, what }: { sound: Sound; what: string }): Promise<boolean> {
  await listen(actors, leg);
  actors.screen.note(`the caller ${what}`);
  const said = await leg.say(sound, { signal: AbortSignal.any([actors.signal, leg.signal]) });
  const sinceMs = said.lastSoundMs ?? leg.nowMs();
  const goesOn = AbortSignal.any([actors.signal, leg.signal, AbortSignal.timeout(GO_ON_MS)]);
  return await leg.heard.soundFor({ ms: 300, sinceMs, signal: goesOn }).then(
    () => true,
    () => leg.heard.current !== undefined,
  );
}

/** Hears the agent out for a while. */
async function listen(actors: Actors, leg: CallLeg): Promise<void> {
  await leg.heard.soundFor({ ms: LISTEN_MS, sinceMs: 0, signal: step(actors, leg, "the answer") });
}

/** Presses keys, and returns how long after the last of them the agent was heard. */
async function press(actors: Actors, leg: CallLeg, keys: string): Promise<number> {
  actors.screen.note(`the caller presses ${keys}`);
  const pressed = await leg.press(keys);
  const endMs = pressed.at(-1)?.endMs ?? leg.nowMs();
  return (await leg.heard.sound({ sinceMs: endMs, signal: step(actors, leg, "an answer to the keys") })) - endMs;
}

/** On a second call the worker dies in mid-sentence: the menu speaks, 2 is pressed, the support phone answers. */
export async function secondCall(actors: Actors): Promise<DemoFailover> {
  const { caller, clock, screen, number } = actors;
  const leg = await caller.call(number, { codec: "ulaw", signal: actors.signal });
  try {
    await leg.answered;
    await leg.heard.sound({ signal: step(actors, leg, "the greeting") });
    await quiet(actors, leg);
    const { replyMs } = await ask(actors, leg, "hours");
    await leg.heard.soundFor({ ms: TALK_OVER_AFTER_MS, sinceMs: replyMs, signal: step(actors, leg, "the answer") });

    const pid = await actors.workerPid();
    const killedMs = clock.now();
    process.kill(pid, "SIGKILL");
    screen.note("kill -9 of the worker, in mid-sentence");
    const signal = step(actors, leg, "the static menu");
    const menuMs = await heardSound(leg, {
      sound: actors.menuPrompt,
      sinceMs: killedMs,
      withinMs: 5000,
      clock,
      signal,
    });
    if (menuMs === undefined) return { killMs: null, menu: false, connected: false };
    const killMs = Math.round(menuMs - killedMs);
    screen.words("menu", "For sales, press one. For support, press two. …");
    screen.note(`the menu's first sound came ${killMs} ms after the kill; the caller presses 2`);

    const support = nextAtSupport(actors, leg, "the support phone");
    await leg.press("2");
    return { killMs, menu: true, connected: await hears(actors, leg, support) };
  } finally {
    await leg.hangUp();
    screen.note("the caller hangs up");
  }
}

const quiet = (actors: Actors, leg: CallLeg) =>
  leg.heard.silence({
    ms: END_OF_REPLY_MS,
    signal: step(actors, leg, "the end of what the agent says"),
  });

interface Asked {
  readonly said: Said;
  /** When the answer's first packet came. */
  readonly replyMs: number;
  readonly bargeInMs: number | null;
}

/** Says a line, `over` what the agent is saying or after it, and waits for the answer's first sound. */
async function ask(actors: Actors, leg: CallLeg, line: Line, over = false): Promise<Asked> {
  const interrupted = over ? leg.heard.current : undefined;
  const said = await leg.say(actors.lines[line], { signal: AbortSignal.any([actors.signal, leg.signal]) });
  const spokenMs = said.lastSoundMs ?? leg.nowMs();
  const replyMs = await leg.heard.sound({ sinceMs: spokenMs, signal: step(actors, leg, "an answer") });
  // The agent's last audible packet of the sound that was talked over.
  const bargeInMs =
    interrupted && said.firstSoundMs !== undefined
      ? Math.max(0, Math.round(interrupted.endMs - said.firstSoundMs))
      : null;
  return { said, replyMs, bargeInMs };
}

/** Whether the person at the other phone is there, and is heard by the caller. */
async function hears({ clock, screen, signal }: Actors, leg: CallLeg, support: Promise<Answered>): Promise<boolean> {
  const { leg: there, words } = await support;
  screen.words("phone", "Support, this is Anna speaking.");
  const sinceMs = clock.now();
  const heardMs = await heardSound(leg, { sound: words, sinceMs, withinMs: 5000, clock, signal });
  await there.heard.silence({ ms: 300, signal: AbortSignal.any([signal, leg.signal]) });
  return heardMs !== undefined;
}
