/**
 * How well the local recogniser and the scripted model understand a telephone call, without a key or a cloud.
 *
 *   bin/node bench/understanding.ts [--wrong] [--digits FOLDER]
 *
 * Every sentence is spoken by flite, sent through an 8 kHz µ-law line and heard by the same code as in a call.
 * `--wrong` lists what went wrong. FOLDER holds recordings named <digit>_<speaker>_<take>.wav, 8 kHz.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { samplesPerFrame } from "../src/audio/frame.ts";
import { ulaw } from "../src/audio/g711.ts";
import { loadResampling } from "../src/audio/resample.ts";
import { systemClock } from "../src/base/clock.ts";
import { silentLog } from "../src/base/log.ts";
import type { Hearing } from "../src/conversation/providers.ts";
import { createMatcher } from "../src/providers/llm/scripted/match.ts";
import { digitsOf } from "../src/providers/llm/scripted/said.ts";
import { hintsOf, scriptSchema } from "../src/providers/llm/scripted/script.ts";
import { pocketsphinx } from "../src/providers/stt/pocketsphinx.ts";
import { FliteProgram } from "../src/providers/tts/flite-program.ts";
import { shapeSpeech } from "../src/providers/tts/shape.ts";
import { asked, heldOut, unrelated } from "./questions.ts";

const { values: options } = parseArgs({
  options: { wrong: { type: "boolean", default: false }, digits: { type: "string" } },
});
const agent = new URL("../agents/reception.yaml", import.meta.url);
const script = scriptSchema.parse(parse(readFileSync(agent, "utf8")).script);
const match = createMatcher(script);
const resampling = await loadResampling();
const program = new FliteProgram();
const stt = pocketsphinx.create(pocketsphinx.schema.parse({}), { clock: systemClock, log: silentLog });
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** A little noise, 300 ms before the words and 240 ms after them, and what µ-law leaves of it. */
function onTheLine(words: Int16Array): Int16Array {
  const pcm = Int16Array.from({ length: words.length + 4320 }, () => (Math.random() - 0.5) * 16);
  for (const [at, sample] of words.entries()) pcm[at + 2400] = (pcm[at + 2400] ?? 0) + sample;
  const bytes = new Uint8Array(pcm.length);
  ulaw.encode(pcm, bytes);
  ulaw.decode(bytes, pcm);
  return pcm;
}

function spoken(text: string, voice: string): Int16Array {
  const said = program.speak(text, { voice, speed: 1 });
  const resampler = resampling.open({ from: said.rate, to: 8000 });
  const words = resampler.process(shapeSpeech(said.pcm, { rate: said.rate, pauseMs: 0 })).slice();
  resampler.close();
  return onTheLine(words);
}

/** The final words of one utterance, and how long they took after the pause, in ms. */
async function hear(hearing: Hearing, transcripts: AsyncIterator<{ text: string; final: boolean }>, pcm: Int16Array) {
  const samples = samplesPerFrame(8000);
  for (let at = 0; at + samples <= pcm.length; at += samples) {
    hearing.push({ pcm: pcm.subarray(at, at + samples), rate: 8000 });
    // Four times as fast as a call: the decoder keeps up with it, as it does with a call.
    await systemClock.sleep(5);
  }
  const asked = systemClock.now();
  hearing.finish();
  while (true) {
    const next = await transcripts.next();
    if (next.done) throw new Error("the hearing ended");
    if (next.value.final) return { text: next.value.text, tookMs: systemClock.now() - asked };
  }
}

const percentile = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;

async function measure(
  name: string,
  sounds: readonly (readonly [wanted: string | undefined, text: string, pcm: Int16Array])[],
) {
  const over = new AbortController();
  const hearing = stt.open({ rate: 8000, language: "en", hints: hintsOf(script, "en"), signal: over.signal });
  const transcripts = hearing.transcripts[Symbol.asyncIterator]();
  const took: number[] = [];
  let right = 0;
  for (const [wanted, text, pcm] of sounds) {
    const heard = await hear(hearing, transcripts, pcm);
    took.push(heard.tookMs);
    const found = name.startsWith("digits") ? digitsOf(heard.text, "en") : match(heard.text)?.intent.name;
    if (found === wanted) right++;
    else if (options.wrong)
      print(`  ${wanted ?? "nothing"}: "${text}" was heard as "${heard.text}": ${found ?? "nothing"}`);
  }
  over.abort();
  const share = ((100 * right) / sounds.length).toFixed(0);
  print(
    `${name.padEnd(28)} ${right}/${sounds.length} (${share} %), final words after ${percentile(took, 0.5).toFixed(0)} ms, p95 ${percentile(took, 0.95).toFixed(0)} ms`,
  );
}

/** Groups of four recorded digits, spoken by one person each, 100 ms apart. */
function recordedDigits(folder: string): [string, string, Int16Array][] {
  const files = readdirSync(folder).filter((file) => /^\d_[a-z]+_\d+\.wav$/.test(file));
  const speakers = [...new Set(files.map((file) => file.split("_")[1] ?? ""))].sort();
  return speakers.flatMap((speaker) =>
    ["2048", "5917", "3360", "7145", "8269"].map((number, take): [string, string, Int16Array] => {
      const parts = [...number].map((digit) => {
        const bytes = readFileSync(join(folder, `${digit}_${speaker}_${take}.wav`)).subarray(44);
        return Int16Array.from({ length: bytes.length >> 1 }, (_, at) => bytes.readInt16LE(at * 2));
      });
      const words = parts.flatMap((part) => [...part, ...new Array<number>(800).fill(0)]);
      return [number, `${number} by ${speaker}`, onTheLine(Int16Array.from(words))];
    }),
  );
}

for (const voice of ["rms", "slt"]) {
  const say = (text: string): Int16Array => spoken(text, voice);
  await measure(
    `${voice}: questions`,
    asked.map(([intent, text]) => [intent, text, say(text)]),
  );
  await measure(
    `${voice}: unseen questions`,
    heldOut.map(([intent, text]) => [intent, text, say(text)]),
  );
  await measure(
    `${voice}: unrelated, refused`,
    unrelated.map((text) => [undefined, text, say(text)]),
  );
}
if (options.digits !== undefined) await measure("digits, four at a time", recordedDigits(options.digits));
await stt.close();
