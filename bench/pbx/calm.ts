import type { CallLeg } from "../../src/caller/leg.ts";
import { randomSource } from "../../src/caller/noise.ts";
import { framesOf } from "../../src/caller/speech.ts";
import type { LiveEvent } from "../../src/server/live.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { BACK_CHANNELS, CALLER_DBOV, cough, INTERRUPTIONS, type Noise, noises, words } from "../sounds.ts";
import { answeredMs, inParallel, latenessOf, step } from "./call.ts";
import { Started } from "./started.ts";

/** An agent whose every answer lasts some twenty seconds: see stage settings. */
export const TALKER = "4300";
const SNR_DB = 15;
const NOISE_MS = 10_000;
const AT_ONCE = 3;
/** A back-channel or a cough has been judged by then, and the agent goes on. */
const GO_ON_MS = 2200;
const JUDGED_MS = 1600;

const lines: readonly { readonly name: string; readonly make?: Noise["make"] }[] = [
  { name: "a quiet line" },
  ...noises,
];

const VOICES = ["rms", "awb", "slt"];

interface Outcome {
  readonly line: string;
  readonly disturbed: number;
  readonly lost: number;
  readonly interrupted: number;
  readonly missed: number;
  readonly lateMs: readonly number[];
}

/** Whether the agent is being heard, or was within the last moment. */
const speaking = (leg: CallLeg): boolean =>
  leg.heard.current !== undefined || leg.nowMs() - (leg.heard.spells.at(-1)?.endMs ?? 0) < 900;

function mixed(noise: Int16Array, voice: Int16Array, atMs: number): Int16Array {
  const pcm = noise.slice();
  const from = atMs * 8;
  for (const [at, sample] of voice.entries()) {
    if (from + at < pcm.length) pcm[from + at] = Math.max(-32_768, Math.min(32_767, (pcm[from + at] ?? 0) + sample));
  }
  return pcm;
}

/** How often a call's replies were cut off, out of what the service tells of all calls. */
class Interruptions {
  readonly #byCall = new Map<string, number>();
  readonly started = new Started();

  async follow(events: AsyncIterable<LiveEvent>): Promise<void> {
    for await (const event of events) {
      this.started.hear(event);
      if (event.type === "turn" && event.turn.interrupted)
        this.#byCall.set(event.call, (this.#byCall.get(event.call) ?? 0) + 1);
    }
  }

  of(call: string): number {
    return this.#byCall.get(call) ?? 0;
  }
}

interface Talk {
  readonly leg: CallLeg;
  readonly call: string;
  readonly bench: Bench;
  readonly interruptions: Interruptions;
  readonly random: () => number;
}

/** The agent is in the middle of a long answer, and has been for a second and a half. */
async function untilAnswering({ leg, bench: { signal, clock }, random }: Talk, sinceMs: number): Promise<void> {
  await leg.heard.soundFor({ ms: 600, sinceMs, signal: step(signal) });
  await clock.sleep(700 + 800 * random(), signal);
}

/** A sound that is no interruption: was the reply cut off by it, or has the agent fallen silent? */
async function disturb(
  { leg, call, bench: { clock, signal }, interruptions }: Talk,
  pcm: Int16Array,
): Promise<boolean> {
  const before = interruptions.of(call);
  await leg.say(framesOf(pcm), { signal });
  await clock.sleep(GO_ON_MS, signal);
  return interruptions.of(call) > before || !speaking(leg);
}

/** What one call says, made before any call is up: to make it holds this process, and with it every caller. */
interface Part {
  readonly line: string;
  /** What means nothing. */
  readonly sounds: readonly Int16Array[];
  /** In the noise, if there is any. */
  readonly interruption: Int16Array;
}

function partOf({ name, make }: (typeof lines)[number], index: number): Part {
  const dbov = CALLER_DBOV - SNR_DB;
  const sounds = make
    ? [make(NOISE_MS, dbov, index + 1)]
    : [cough(index + 1), words(BACK_CHANNELS[index % BACK_CHANNELS.length] ?? "Okay.")];
  const text = INTERRUPTIONS[index % INTERRUPTIONS.length] ?? "Stop.";
  const voice = words(text, { voice: VOICES[index % VOICES.length] ?? "rms" });
  const leadMs = 500;
  const lengthMs = leadMs + voice.length / 8 + 300;
  return { line: name, sounds, interruption: make ? mixed(make(lengthMs, dbov, index + 1), voice, leadMs) : voice };
}

/** Was it missed? Returns when the caller's words ended. */
async function interrupt(talk: Talk, pcm: Int16Array): Promise<{ missed: boolean; endMs: number }> {
  const { leg, call, bench, interruptions } = talk;
  const before = interruptions.of(call);
  const said = await leg.say(framesOf(pcm), { signal: bench.signal });
  await bench.clock.sleep(JUDGED_MS, bench.signal);
  return { missed: interruptions.of(call) === before, endMs: said.endMs ?? leg.nowMs() };
}

/** One call on one kind of line: an answer with sounds in it that mean nothing, then an interruption. */
async function oneCall(
  { phone }: PbxStage,
  bench: Bench,
  { part, index, interruptions }: { part: Part; index: number; interruptions: Interruptions },
): Promise<Outcome> {
  const { signal } = bench;
  const { leg, call } = await interruptions.started.call("talker", phone, { number: TALKER, signal });
  try {
    const talk = { leg, call, bench, interruptions, random: randomSource(index * 104_729 + 3) };
    await untilAnswering(talk, answeredMs(leg));
    const sounds = bench.smoke ? part.sounds.slice(0, 1) : part.sounds;
    let lost = 0;
    for (const sound of sounds) if (await disturb(talk, sound)) lost += 1;
    const { missed } = await interrupt(talk, part.interruption);
    const lateMs = latenessOf(leg);
    return { line: part.line, disturbed: sounds.length, lost, interrupted: 1, missed: missed ? 1 : 0, lateMs };
  } finally {
    await leg.hangUp();
  }
}

const sum = (outcomes: readonly Outcome[], key: "disturbed" | "lost" | "interrupted" | "missed"): number =>
  outcomes.reduce((total, outcome) => total + outcome[key], 0);

/** Replies that are lost to a cough, a back-channel or noise, and interruptions that are missed, on the same lines. */
export const calm: Scenario = {
  name: "calm",
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    // Half of the trials on a quiet line, a cough and a back-channel each; the rest shared by the noises.
    const perNoise = Math.ceil(bench.trials / noises.length);
    const plan = lines.flatMap((line) => Array<typeof line>(line.make ? perNoise : bench.trials).fill(line));
    const run = (bench.smoke ? plan.slice(0, 1) : plan).map(partOf);
    await stage.service.ready(step(bench.signal));
    const over = new AbortController();
    const interruptions = new Interruptions();
    const following = interruptions.follow(stage.service.events(AbortSignal.any([bench.signal, over.signal])));
    // Where a worker ends, its account does, too: the calls that wait for it say so.
    following.catch((error: unknown) => interruptions.started.ended(error));
    const outcomes = await inParallel(run.length, AT_ONCE, async (index) => {
      const part = run[index];
      if (!part) throw new Error("there are no more calls to make");
      return await oneCall(stage, bench, { part, index, interruptions });
    });
    over.abort();
    await following.catch(() => {});
    const notes = lines.flatMap(({ name }) => {
      const own = outcomes.filter(({ line }) => line === name);
      if (own.length === 0) return [];
      return [
        `${name}: ${sum(own, "lost")} of ${sum(own, "disturbed")} replies lost, ${sum(own, "missed")} of ${sum(own, "interrupted")} interruptions missed`,
      ];
    });
    return {
      values: {
        false_barge_in_rate: sum(outcomes, "lost") / sum(outcomes, "disturbed"),
        missed_barge_in_rate: sum(outcomes, "missed") / sum(outcomes, "interrupted"),
      },
      notes: [...notes, ...interruptions.started.notes],
      lateMs: outcomes.flatMap(({ lateMs }) => lateMs),
    };
  },
};
