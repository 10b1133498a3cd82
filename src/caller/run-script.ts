import { findSound } from "../audio/correlate.ts";
import type { Frame } from "../audio/frame.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf, OutsideError } from "../base/errors.ts";
import type { SpeechToText, TextToSpeech } from "../conversation/providers.ts";
import { CALL_RATE } from "./codec.ts";
import { within } from "./deadline.ts";
import type { CallLeg } from "./leg.ts";
import { Listening } from "./listening.ts";
import type { Phone } from "./phone.ts";
import type { Script, Step } from "./script.ts";
import { type RawStep, resultOf, type ScriptResult } from "./script-result.ts";
import type { Said } from "./speech.ts";

export interface ScriptDeps {
  /** Started, and registered where the PBX wants that. */
  readonly phone: Phone;
  readonly target: string;
  readonly clock: Clock;
  /** For say and talkOver. Asked for 8,000 samples a second. */
  readonly voice?: TextToSpeech;
  /** For steps with words. */
  readonly ear?: SpeechToText;
  /** A sound file's samples at 8,000 a second. */
  readonly readSound?: (file: string) => Promise<Int16Array>;
  /** Told as each step ends: a live view. */
  readonly onStep?: (step: RawStep, leg: CallLeg) => void;
  readonly signal?: AbortSignal;
}

interface Run {
  readonly script: Script;
  readonly deps: ScriptDeps;
  readonly leg: CallLeg;
  readonly listening: Listening | undefined;
  readonly signal: AbortSignal;
  /** What the agent says from here on answers the last words of ours. */
  markMs: number;
}

interface Outcome {
  readonly detail: string;
  readonly ok?: boolean;
  readonly said?: Said;
}

/** A voice that speaks for longer than this in one step is cut. */
const MAX_SAY_MS = 60_000;

/**
 * Dials, does the steps in order, hangs up, and tells what was measured. A `wait` that is not fulfilled, like an error, ends the script;
 * an `expect` is noted and the call goes on. Resolves for whatever the far end does; rejects when the caller itself cannot work, or the signal aborts.
 */
export async function runScript(script: Script, deps: ScriptDeps): Promise<ScriptResult> {
  requireParts(script, deps);
  const { phone, target, clock, signal } = deps;
  const late = (): Error => new OutsideError("timeout", `the script took longer than ${script.maxMs} ms`);
  const { codec, answerMs, network } = script;
  const wishes = { ...(codec && { codec }), ...(network && { network }), ...(signal && { signal }) };
  const leg = await phone.call(target, { answerMs, ...wishes });
  const listening = deps.ear && new Listening(leg, deps.ear, { language: script.language, hints: hintsOf(script) });
  const steps: RawStep[] = [];
  try {
    await within({ clock, ms: script.maxMs, signal, late }, async (inner) => {
      const run: Run = { script, deps, leg, listening, signal: inner, markMs: leg.times.startMs };
      await runSteps(run, steps);
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      const nowMs = leg.nowMs();
      steps.push({ step: "script", ok: false, startMs: nowMs, endMs: nowMs, detail: messageOf(error) });
    });
  } finally {
    await leg.hangUp();
    await listening?.close();
  }
  return resultOf({ name: script.name, leg, steps, end: await leg.ended, words: listening?.words ?? [] });
}

async function runSteps(run: Run, steps: RawStep[]): Promise<void> {
  const { leg, script, deps } = run;
  const answered = leg.answered.then(() => true).catch(() => false);
  if (!wantsNoAnswer(script) && !(await answered)) {
    const detail = await leg.answered.then(() => "", messageOf);
    steps.push({ step: "call", ok: false, startMs: leg.times.startMs, endMs: leg.nowMs(), detail });
    return;
  }
  for (const step of script.steps) {
    const startMs = leg.nowMs();
    const outcome = await runStep(run, step).catch((error: unknown): Outcome => {
      run.signal.throwIfAborted();
      return { ok: false, detail: messageOf(error) };
    });
    const { ok = true, detail, said } = outcome;
    const raw: RawStep = { step: nameOf(step), ok, startMs, endMs: leg.nowMs(), detail, ...(said && { said }) };
    steps.push(raw);
    deps.onStep?.(raw, leg);
    if (!ok && step.expect === undefined) return;
  }
}

/** A script that begins with `wait: {answered}` or looks at the end only may meet a line that is never answered. */
const wantsNoAnswer = ({ steps }: Script): boolean => {
  const [first] = steps;
  return (
    first?.wait?.answered === true ||
    first?.wait?.ended === true ||
    first?.expect?.ended === true ||
    first?.hangUp === true ||
    first?.pauseMs !== undefined
  );
};

async function runStep(run: Run, step: Step): Promise<Outcome> {
  const { leg, signal, deps } = run;
  if (step.say) return await say(run, step.say);
  if (step.talkOver) return await talkOver(run, step.talkOver);
  if (step.wait) return await fulfilled(run, step.wait);
  if (step.expect) return await fulfilled(run, step.expect);
  if (step.press) {
    const { digits, method } = step.press;
    const pressed = await leg.press(digits, { method });
    run.markMs = leg.nowMs();
    return { ok: pressed.length === digits.length, detail: `pressed ${pressed.length} of ${digits.length} keys` };
  }
  if (step.noise) return await noise(run, step.noise);
  if (step.hangUp) {
    const { by } = await leg.hangUp();
    return { detail: by === "us" ? "hung up" : "the far end had hung up already" };
  }
  await deps.clock.sleep(step.pauseMs ?? 0, signal);
  return { detail: `paused ${step.pauseMs} ms` };
}

async function say(run: Run, { text, voice }: { text: string; voice?: string | undefined }): Promise<Outcome> {
  const frames = await spoken(run, text, voice);
  return await speak(run, text, frames);
}

async function talkOver(run: Run, step: NonNullable<Step["talkOver"]>): Promise<Outcome> {
  // The words are ready before they are needed: the moment counts.
  const frames = await spoken(run, step.text, step.voice);
  await waiting(run, step.timeoutMs, "the agent to speak", (signal) =>
    run.leg.heard.soundFor({ ms: step.afterMs, sinceMs: Number.NEGATIVE_INFINITY, signal }),
  );
  return await speak(run, step.text, frames);
}

async function speak(run: Run, text: string, frames: readonly Frame[]): Promise<Outcome> {
  const said = await run.leg.say(frames, { signal: run.signal });
  run.markMs = said.firstSoundMs ?? run.leg.nowMs();
  return { ok: !said.stopped, detail: said.stopped ? "the call ended in the middle of it" : `said "${text}"`, said };
}

async function spoken({ deps, script, signal }: Run, text: string, voice: string | undefined): Promise<Frame[]> {
  if (!deps.voice) throw new OutsideError("missing", "there is no voice to speak with");
  const pieces = (async function* () {
    yield text;
  })();
  const options = { voice: voice ?? script.voice, rate: CALL_RATE, language: script.language, signal } as const;
  const frames: Frame[] = [];
  let samples = 0;
  for await (const { pcm, rate } of deps.voice.speak(pieces, options)) {
    frames.push({ pcm: pcm.slice(), rate });
    samples += pcm.length;
    if (samples > (MAX_SAY_MS * CALL_RATE) / 1000) break;
  }
  signal.throwIfAborted();
  return frames;
}

async function noise(
  { leg, deps, signal }: Run,
  { kind, levelDbov, ms }: NonNullable<Step["noise"]>,
): Promise<Outcome> {
  leg.noise({ kind, levelDbov });
  if (ms === undefined) return { detail: `${kind} noise at ${levelDbov} dBov from here on` };
  try {
    await deps.clock.sleep(ms, signal);
  } finally {
    leg.noise(undefined);
  }
  return { detail: `${kind} noise at ${levelDbov} dBov for ${ms} ms` };
}

type Condition = NonNullable<Step["wait"]> | NonNullable<Step["expect"]>;

async function fulfilled(run: Run, condition: Condition): Promise<Outcome> {
  const { leg, markMs } = run;
  const { words, silenceMs, timeoutMs, answered } = condition;
  if (words) {
    const listening = run.listening;
    if (!listening) throw new OutsideError("missing", "there is no recogniser to hear words with");
    const found = await waiting(run, timeoutMs, `"${words.join('" or "')}" (${heardSo(run)})`, (signal) =>
      listening.phrase(words, { sinceMs: markMs, signal }),
    );
    return { detail: `heard "${found}"` };
  }
  if (silenceMs !== undefined) {
    await waiting(run, timeoutMs, `${silenceMs} ms of silence`, (signal) =>
      leg.heard.silence({ ms: silenceMs, signal }),
    );
    return { detail: `silent for ${silenceMs} ms` };
  }
  if (answered) {
    await waiting(run, timeoutMs, "an answer", () => leg.answered);
    return { detail: "answered" };
  }
  if (condition.ended) {
    const { by, cause, reason } = await waiting(run, timeoutMs, "the end of the call", () => leg.ended);
    return { detail: `ended by ${by}: ${cause}${reason === "" ? "" : ` (${reason})`}` };
  }
  if ("soundFile" in condition && condition.soundFile !== undefined) {
    const { soundFile: file, score } = condition;
    return await soundHeard(run, { file, score, timeoutMs });
  }
  const startMs = await waiting(run, timeoutMs, "the agent to speak", (signal) => soundSince(leg, markMs, signal));
  return { detail: `the agent speaks, since ${Math.round(startMs - leg.times.startMs)} ms` };
}

/** The sound that goes on, one that is over already but came after our words, or the next one. */
async function soundSince(leg: CallLeg, markMs: number, signal: AbortSignal): Promise<number> {
  const spell = leg.heard.spells.find(({ startMs }) => startMs >= markMs);
  return spell?.startMs ?? (await leg.heard.sound({ signal }));
}

async function soundHeard(
  run: Run,
  { file, score, timeoutMs }: { file: string; score: number; timeoutMs: number },
): Promise<Outcome> {
  const { leg, deps, markMs } = run;
  if (!deps.readSound) throw new OutsideError("missing", "there is nothing to read sound files with");
  const sound = await deps.readSound(file);
  const until = leg.nowMs() + timeoutMs;
  for (;;) {
    const recording = leg.recordings.received.samples({ fromMs: markMs });
    const found = recording.length > 0 ? findSound({ sound, recording }) : { lag: 0, score: 0 };
    const whole = found.lag + sound.length <= recording.length;
    if (found.score >= score && whole) {
      const atMs = Math.round(markMs + (found.lag * 1000) / CALL_RATE - leg.times.startMs);
      return { detail: `heard ${file} from ${atMs} ms on (score ${found.score.toFixed(2)})` };
    }
    if (leg.nowMs() >= until || leg.signal.aborted) {
      return {
        ok: false,
        detail: `${file} was not heard within ${timeoutMs} ms (best score ${found.score.toFixed(2)})`,
      };
    }
    await deps.clock.sleep(250, run.signal);
  }
}

/** Waits for what the far end does; a call that ends meanwhile, or a deadline, is told in a sentence. */
async function waiting<T>(run: Run, ms: number, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { leg, deps, signal } = run;
  const late = (): Error => new OutsideError("timeout", `waited ${ms} ms for ${what}, in vain`);
  return await within({ clock: deps.clock, ms, signal, late }, async (inner) => {
    const result = work(inner);
    // The end of the call, or the deadline, may come first: then nobody looks at this any more.
    result.catch(() => {});
    const over = leg.ended.then(() => "over" as const);
    const first = await Promise.race([result.then(() => "done" as const), over]);
    if (first === "done") return await result;
    // What was there when the call ended counts.
    const settled = await Promise.race([result.then((value) => ({ value })), deps.clock.sleep(0, inner)]);
    if (settled) return settled.value;
    throw new OutsideError("ended", `the call ended while waiting for ${what}`);
  });
}

const heardSo = ({ listening, markMs }: Run): string => {
  const heard = (listening?.words ?? []).filter(({ atMs }) => atMs >= markMs).map(({ text }) => text);
  return heard.length === 0 ? "nothing understood before" : `before that "${heard.join(" ")}" was understood`;
};

const nameOf = (step: Step): string => Object.keys(step).find((key) => step[key as keyof Step] !== undefined) ?? "";

const hintsOf = ({ hints, steps }: Script): string[] => [
  ...hints,
  ...steps.flatMap(({ wait, expect }) => [...(wait?.words ?? []), ...(expect?.words ?? [])]),
];

function requireParts({ steps }: Script, { voice, ear, readSound }: ScriptDeps): void {
  const needs = (wanted: boolean, part: unknown, what: string): void => {
    if (wanted && part === undefined) throw new OutsideError("missing", `the script ${what}`);
  };
  needs(
    steps.some((step) => step.say ?? step.talkOver),
    voice,
    "speaks, and there is no voice",
  );
  needs(
    steps.some(({ wait, expect }) => wait?.words ?? expect?.words),
    ear,
    "waits for words, and there is no recogniser",
  );
  needs(
    steps.some(({ expect }) => expect?.soundFile !== undefined),
    readSound,
    "expects a sound file, and nothing here reads one",
  );
}
