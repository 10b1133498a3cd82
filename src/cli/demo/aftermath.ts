import { copyFile, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readWav, type Wav } from "../../audio/wav.ts";
import type { Clock } from "../../base/clock.ts";
import type { Cdr } from "../../call/cdr.ts";
import { listCalls } from "../../store/calls.ts";
import { openReading } from "../../store/database.ts";

/** A call's recording, by the PBX: stereo, the caller left, the agent right. */
export interface DemoRecording {
  /** A copy that outlives the demo. */
  readonly path: string;
  readonly seconds: number;
  readonly rate: number;
  readonly consent: string;
}

/** What the first call left behind. */
export interface Aftermath {
  readonly cdr: Cdr | null;
  readonly recording: DemoRecording | null;
  /** One line for each side, as loud as it was over time; empty without a recording. */
  readonly waveform: readonly string[];
}

/** A recording is wrapped within tenths of a second; a machine that is busy may take longer. */
const WAIT_MS = 10_000;
const LOOK_MS = 100;
const COLUMNS = 96;
const BLOCKS = " ▁▂▃▄▅▆▇█";

/** Waits for the first call's record and recording, and keeps a copy of the sound at `copyTo`. */
export async function aftermath({
  recordsDir,
  copyTo,
  clock,
  signal,
}: {
  recordsDir: string;
  copyTo: string;
  clock: Clock;
  signal: AbortSignal;
}): Promise<Aftermath> {
  const deadline = clock.now() + WAIT_MS;
  for (;;) {
    const cdr = await firstRecord(recordsDir);
    const wav = cdr?.ended ? await readRecording(cdr) : undefined;
    if (cdr && wav) {
      await mkdir(dirname(copyTo), { recursive: true });
      await copyFile(cdr.recording?.path ?? "", copyTo);
      const seconds = Math.round(((wav.channels[0]?.length ?? 0) / wav.rate) * 10) / 10;
      const recording = { path: copyTo, seconds, rate: wav.rate, consent: cdr.recording?.consent ?? "none" };
      return { cdr, recording, waveform: drawn(wav) };
    }
    if (clock.now() > deadline) return { cdr: cdr ?? null, recording: null, waveform: [] };
    await clock.sleep(LOOK_MS, signal);
  }
}

async function firstRecord(dir: string): Promise<Cdr | undefined> {
  const database = openReading(dir);
  if (!database) return undefined;
  try {
    const calls = await listCalls(database.db, { limit: 20 });
    return calls.at(-1);
  } finally {
    database.close();
  }
}

async function readRecording({ recording }: Cdr): Promise<Wav | undefined> {
  const path = recording?.path;
  if (!path || !(await stat(path).catch(() => undefined))) return undefined;
  return readWav(await readFile(path));
}

function drawn({ channels }: Wav): string[] {
  return ["caller", "agent"].map((who, channel) => `${who.padEnd(7)} ${wave(channels[channel] ?? new Int16Array())}`);
}

/** Each column is as high as the loudest sample of its stretch, on a scale of 6 dB a step. */
function wave(pcm: Int16Array): string {
  const width = Math.max(1, Math.ceil(pcm.length / COLUMNS));
  return Array.from({ length: Math.ceil(pcm.length / width) }, (_, column) => {
    let peak = 1;
    for (const sample of pcm.subarray(column * width, (column + 1) * width)) peak = Math.max(peak, Math.abs(sample));
    const step = Math.round(BLOCKS.length - 1 + (20 * Math.log10(peak / 16_384)) / 6);
    return BLOCKS[Math.max(0, Math.min(BLOCKS.length - 1, step))];
  }).join("");
}

export const recordsDirOf = (stateDir: string): string => join(stateDir, "records");
