/**
 * How calm the agent is, and how fast: replies that are lost to a cough, an "mm-hm" or ten seconds of noise; interruptions that it
 * misses; and how long it goes on after the caller's first sound.
 *
 *   bin/node bench/barge-in.ts [--json] [--trials N] [--listen]
 *
 * Real voice activity and the whole conversation, in virtual time, over a µ-law line. The recogniser is told the words; with
 * --listen it is the local one, which has to understand them, and the answer is the greeting of a caller who has said nothing yet.
 */

import { parseArgs } from "node:util";
import { FRAME_MS } from "../src/audio/frame.ts";
import { randomSource } from "../src/caller/noise.ts";
import { sphinxEar } from "../test/support/sphinx-ear.ts";
import { ANSWER, SpokenCall } from "../test/support/spoken-call.ts";
import { BACK_CHANNELS, CALLER_DBOV, cough, INTERRUPTIONS, type Noise, noises, RATE, words } from "./sounds.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    trials: { type: "string", default: "50" },
    listen: { type: "boolean", default: false },
  },
});
const trials = Number(options.trials);
const stt = options.listen ? sphinxEar() : undefined;
if (options.listen && !stt) throw new Error("the local recogniser is not installed: apt install pocketsphinx-en-us");
const GREETED_MS = 600;
const SNR_DB = 15;
const NOISE_MS = 10_000;
const VOICES = ["rms", "awb", "kal"];

/** A call in which the agent has been talking for so long. */
async function answering(ms: number): Promise<SpokenCall> {
  const call = new SpokenCall({ stt });
  await call.start(stt ? { greeting: ANSWER } : {});
  if (stt) await call.clock.advance(GREETED_MS + ms);
  else await call.untilAnswer(ms);
  return call;
}

type Disturb = (call: SpokenCall, trial: number) => Promise<void>;

/** One answer with a disturbance in it: was it heard to its end, in one reply? */
async function answerThrough(disturb: Disturb, trial: number): Promise<boolean> {
  const random = randomSource(trial * 7919 + 1);
  const call = await answering(FRAME_MS * Math.floor(40 + random() * 75));
  await disturb(call, trial);
  await call.quiet(2_500);
  const [turn] = call.turns;
  await call.end();
  return turn?.interrupted === false && turn.agent?.heardText === turn.agent?.text;
}

interface Interrupted {
  readonly missed: boolean;
  /** Undefined where the caller began in a pause of the agent's. */
  readonly bargeInMs: number | undefined;
}

/** One answer that the caller interrupts, with or without noise around. */
async function interruption(
  noise: ((ms: number, dbov: number) => Int16Array) | undefined,
  trial: number,
): Promise<Interrupted> {
  const random = randomSource(trial * 104_729 + 3);
  const call = await answering(500);
  if (noise) call.line.play(noise(NOISE_MS, CALLER_DBOV - SNR_DB));
  await call.clock.advance(FRAME_MS * Math.floor(25 + random() * 75));
  const text = INTERRUPTIONS[trial % INTERRUPTIONS.length] ?? "Stop.";
  const from = await call.say(text, {
    voice: VOICES[Math.floor(trial / INTERRUPTIONS.length) % VOICES.length] ?? "rms",
  });
  const silentAt = firstSilenceAfter(call, from);
  await call.clock.advance(1_200);
  const [turn] = call.turns;
  await call.end();
  return { missed: !turn?.interrupted, bargeInMs: silentAt && silentAt - from };
}

/** When the agent's last audible frame before 200 ms of silence came; undefined where the agent was in a pause at `fromMs`. */
function firstSilenceAfter(call: SpokenCall, fromMs: number): number | undefined {
  const talking = call.line.heard.some(({ atMs, audible }) => audible && Math.abs(atMs - fromMs) <= FRAME_MS);
  if (!talking) return undefined;
  let last = fromMs;
  for (const { atMs, audible } of call.line.heard) {
    if (atMs < fromMs) continue;
    if (audible) last = atMs;
    else if (atMs - last >= 200) break;
  }
  return last;
}

const percentile = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;

const rows: { metric: string; n: number; [key: string]: number | string }[] = [];
const print = (line: string): void => {
  if (!options.json) process.stdout.write(`${line}\n`);
};

async function lostReplies(name: string, disturb: Disturb): Promise<[lost: number, n: number]> {
  let lost = 0;
  for (let trial = 0; trial < trials; trial += 1) if (!(await answerThrough(disturb, trial))) lost += 1;
  print(`lost replies     ${name.padEnd(24)} ${lost}/${trials}`);
  return [lost, trials];
}

const around =
  (make: Noise["make"]): Disturb =>
  async (call, trial) => {
    call.line.play(make(NOISE_MS, CALLER_DBOV - SNR_DB, trial + 1));
    await call.clock.advance(NOISE_MS);
  };

const coughing: Disturb = async (call, trial) => {
  const pcm = cough(trial + 1);
  call.line.play(pcm);
  await call.clock.advance((pcm.length * 1000) / RATE);
};

const nodding =
  (understood: boolean): Disturb =>
  async (call, trial) => {
    const text = BACK_CHANNELS[trial % BACK_CHANNELS.length] ?? "Okay.";
    const voice = VOICES[Math.floor(trial / BACK_CHANNELS.length) % VOICES.length] ?? "rms";
    await call.say(text, understood ? { voice } : { voice, heard: "" });
  };

const otherAgent: Disturb = async (call) => {
  const pcm = words(
    "On Saturday, yes, from nine until one. The doctors see patients without an appointment until noon, and the telephone is answered all morning.",
    { voice: "slt", dbov: CALLER_DBOV - 20 },
  );
  call.line.play(pcm);
  for (const [index, word] of "on saturday yes from nine until one the doctors see patients".split(" ").entries())
    call.clock.after(800 + index * 350, () => call.ear.hear(word));
  await call.clock.advance((pcm.length * 1000) / RATE);
};

const ownEcho =
  (db: number, frames: number): Disturb =>
  async (call) => {
    call.line.echo = { db, frames };
    await call.clock.advance(NOISE_MS);
  };

let [lost, replies] = [0, 0];
for (const [name, disturb] of [
  ["cough", coughing],
  ["back-channel", nodding(true)],
  ["back-channel, not heard", nodding(false)],
  ...noises.map(({ name, make }) => [`${name}, ${SNR_DB} dB`, around(make)] as const),
  ["another agent, -20 dB", otherAgent],
  ["own echo, -20 dB", ownEcho(-20, 6)],
  ["own echo, -10 dB", ownEcho(-10, 9)],
] as const) {
  const [more, n] = await lostReplies(name, disturb);
  lost += more;
  replies += n;
}

let [missed, interruptions] = [0, 0];
for (const { name, make } of [{ name: "a quiet line", make: undefined }, ...noises]) {
  const all: Interrupted[] = [];
  for (let trial = 0; trial < trials; trial += 1) all.push(await interruption(make, trial));
  const misses = all.filter((each) => each.missed).length;
  const ms = all.flatMap(({ bargeInMs }) => bargeInMs ?? []);
  missed += misses;
  interruptions += trials;
  print(
    `missed barge-ins ${name.padEnd(24)} ${misses}/${trials}, silent after p50 ${percentile(ms, 0.5)}, p95 ${percentile(ms, 0.95)} ms`,
  );
  rows.push({
    metric: "barge_in_ms",
    line: name,
    n: ms.length,
    p50: percentile(ms, 0.5),
    p95: percentile(ms, 0.95),
    p99: percentile(ms, 0.99),
    max: Math.max(...ms),
  });
}
rows.push({ metric: "false_barge_in_rate", n: replies, value: lost / replies });
rows.push({ metric: "missed_barge_in_rate", n: interruptions, value: missed / interruptions });
print(
  `lost replies ${((100 * lost) / replies).toFixed(1)} %, missed barge-ins ${((100 * missed) / interruptions).toFixed(1)} %`,
);
if (options.json) process.stdout.write(`${JSON.stringify({ metrics: rows })}\n`);
