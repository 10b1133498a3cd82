import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { levelDbov } from "../src/audio/level.ts";
import { loadResampling } from "../src/audio/resample.ts";
import { readWav } from "../src/audio/wav.ts";
import { randomSource } from "../src/caller/noise.ts";
import { FliteProgram } from "../src/providers/tts/flite-program.ts";
import { shapeSpeech } from "../src/providers/tts/shape.ts";

/** The sounds of the bench, made here from a seed: 16-bit mono at 8 kHz. */
export const RATE = 8000;

/** How loud a caller talks on the line, in dBov, over the words alone. */
export const CALLER_DBOV = -20;

const resampling = await loadResampling();
const program = new FliteProgram();
const spoken = new Map<string, Int16Array>();

/** Words by flite, from the first sound to the last, at a level in dBov. */
export function words(text: string, { voice = "rms", dbov = CALLER_DBOV } = {}): Int16Array {
  const key = `${voice} ${dbov} ${text}`;
  const known = spoken.get(key);
  if (known) return known;
  const said = program.speak(text, { voice, speed: 1 });
  const pcm = atLevel(atRate(shapeSpeech(said.pcm, { rate: said.rate, pauseMs: 0 }), said.rate), dbov);
  spoken.set(key, pcm);
  return pcm;
}

/** Speaks them before calls are up: each holds this process, and with it every caller, for 0.1 to 0.3 s. */
export function sayAhead(texts: readonly string[]): void {
  for (const text of texts) words(text);
}

function atRate(pcm: Int16Array, from: number): Int16Array {
  if (from === RATE) return pcm;
  const resampler = resampling.open({ from: from as 16_000, to: RATE });
  const converted = resampler.process(pcm).slice();
  resampler.close();
  return converted;
}

export function atLevel(pcm: Int16Array, dbov: number): Int16Array {
  const gain = 10 ** ((dbov - levelDbov(pcm)) / 20);
  return pcm.map((sample) => clip(sample * gain));
}

/** One to three bursts of breath: each bursts open within 10 ms and dies away, darker and darker, in 120 to 300 ms. */
export function cough(seed: number, dbov = CALLER_DBOV): Int16Array {
  const random = randomSource(seed);
  const bursts = 1 + Math.floor(random() * 3);
  const pcm = new Int16Array(RATE * 1.2);
  let end = 0;
  for (let burst = 0, at = 0; burst < bursts; burst += 1) {
    const length = RATE * (0.12 + random() * 0.18);
    let low = 0;
    let ring = 0;
    for (let i = 0; i < length; i += 1) {
      const open = Math.min(1, i / (RATE * 0.01));
      const dark = 0.35 + (0.5 * i) / length;
      low = dark * low + (1 - dark) * (random() * 2 - 1);
      // The throat rings a little: 500 to 700 Hz.
      ring = 0.9 * ring + low * Math.sin((2 * Math.PI * (500 + 200 * random()) * i) / RATE);
      pcm[at + i] = clip((low + 0.3 * ring) * open * Math.exp((-3.5 * i) / length) * 20_000);
    }
    end = Math.floor(at + length);
    at = Math.floor(end + RATE * (0.03 + random() * 0.09));
  }
  return atLevel(pcm.slice(0, end), dbov);
}

/** Traffic, rain: equal power in every octave. */
export function pink(ms: number, dbov: number, seed = 1): Int16Array {
  const random = randomSource(seed);
  const rows = new Float64Array(12);
  const pcm = Int16Array.from({ length: (RATE * ms) / 1000 }, (_, at) => {
    const row = Math.min(11, Math.clz32((at + 1) & -(at + 1)) ^ 31);
    rows[row] = random() * 2 - 1;
    return rows.reduce((sum, value) => sum + value, random() * 2 - 1) * 1500;
  });
  return atLevel(pcm, dbov);
}

/** A transformer's: 50 Hz and its harmonics, with some hiss. */
export function hum(ms: number, dbov: number, seed = 1): Int16Array {
  const random = randomSource(seed);
  const pcm = Int16Array.from({ length: (RATE * ms) / 1000 }, (_, at) => {
    let sum = (random() - 0.5) * 0.2;
    for (const [order, part] of HARMONICS) sum += part * Math.sin((2 * Math.PI * 50 * order * at) / RATE);
    return sum * 4000;
  });
  return atLevel(pcm, dbov);
}

const HARMONICS = [
  [1, 0.5],
  [2, 1],
  [3, 0.4],
  [4, 0.5],
  [6, 0.3],
  [8, 0.15],
] as const;

const TALK = [
  "We went there on Tuesday, and it was raining the whole day long.",
  "Could you pass me the menu, I think I will have the soup again.",
  "She said that the train was late, but nobody believed her at all.",
  "There are two more boxes in the cellar, next to the old bicycle.",
  "My brother bought a new car, and now he cannot find his keys.",
];

/** A room full of people: three voices, each talking without end. */
export function babble(ms: number, dbov: number, seed = 1): Int16Array {
  const random = randomSource(seed);
  const mixed = new Float64Array((RATE * ms) / 1000);
  for (const voice of ["slt", "rms", "awb"]) {
    let at = -Math.floor(random() * RATE * 2);
    while (at < mixed.length) {
      const text = TALK[Math.floor(random() * TALK.length)] ?? "";
      const pcm = words(text, { voice });
      for (let i = Math.max(0, -at); i < pcm.length && at + i < mixed.length; i += 1)
        mixed[at + i] = (mixed[at + i] ?? 0) + (pcm[i] ?? 0);
      at += pcm.length + Math.floor(random() * RATE * 0.3);
    }
  }
  return atLevel(Int16Array.from(mixed, clip), dbov);
}

const RECORDINGS = resolve(import.meta.dirname, "../../shared/data/noise");

/** Recorded noise, where the machine has some, over and over. */
function recordedNoises(): Noise[] {
  if (!existsSync(RECORDINGS)) return [];
  const files = readdirSync(RECORDINGS).filter((file) => /^noise.*\.wav$/.test(file));
  return files.sort().map((file) => ({
    name: `recorded ${file.replace(".wav", "")}`,
    make(ms, dbov) {
      const wav = readWav(readFileSync(join(RECORDINGS, file)));
      const pcm = atRate(wav.channels[0] ?? new Int16Array(), wav.rate);
      return atLevel(
        Int16Array.from({ length: (RATE * ms) / 1000 }, (_, at) => pcm[at % pcm.length] ?? 0),
        dbov,
      );
    },
  }));
}

export interface Noise {
  readonly name: string;
  /** `ms` of it, `dbov` loud; another seed makes another piece of it, where it is not recorded. */
  make(ms: number, dbov: number, seed?: number): Int16Array;
}

/** What may be heard behind a caller. */
export const noises: readonly Noise[] = [
  { name: "pink noise", make: pink },
  { name: "babble", make: babble },
  { name: "hum", make: hum },
  ...recordedNoises(),
];

export const BACK_CHANNELS = ["Mm-hm.", "Okay.", "Right.", "Uh huh.", "I see.", "Yeah.", "Okay, right."];

export const INTERRUPTIONS = [
  "Sorry, where can I park my car?",
  "Stop, stop.",
  "Wait a moment, please.",
  "No, I meant Friday.",
  "Hold on, please.",
  "When are you open?",
  "Can I ask something?",
  "Excuse me, that is wrong.",
  "Is there a doctor?",
  "Thank you, that is enough.",
  "How much is it?",
  "I want to speak to a human.",
  "What about Sunday?",
  "Please repeat that.",
  "Stop.",
];

const clip = (sample: number): number => Math.max(-32_768, Math.min(32_767, Math.round(sample)));
