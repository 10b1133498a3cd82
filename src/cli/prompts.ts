import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { SampleRate } from "../audio/frame.ts";
import { writeWav } from "../audio/wav.ts";
import { systemClock } from "../base/clock.ts";
import { withDeadline } from "../base/signals.ts";
import { CommandError } from "./exit.ts";
import type { Voice } from "./voice.ts";

const SPEAK_MS = 120_000;
const PROMPTS_LIMIT_BYTES = 256 * 1024;

const promptsSchema = z.array(
  z.strictObject({
    file: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "a plain file name without its ending"),
    text: z.string().min(1).max(2000),
  }),
);

/** The prompts of the menu by file, checked. Throws a CommandError that says what is wrong. */
export async function readPrompts(path: string): Promise<z.output<typeof promptsSchema>> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${path}: ${error.code === "ENOENT" ? "there is no such file" : error.message}`);
  });
  if (text.length > PROMPTS_LIMIT_BYTES) throw new CommandError(`${path}: too large for a list of prompts.`);
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new CommandError(`${path}: not valid YAML: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
  }
  const parsed = promptsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CommandError(
    `${path}: ${issue?.path.join(".") || "the list"}: ${issue?.message}; expected a list of {file, text}.`,
  );
}

export interface PromptsOptions {
  /** The list's path. */
  readonly list: string;
  readonly out: string;
  readonly voice: Voice;
  /** Told of each prompt as it is there, with its length. */
  readonly made?: (file: string, seconds: number) => void;
}

/**
 * Speaks every prompt of the list into the folder `out`: <file>.wav at 8 kHz and <file>.sln16 at 16 kHz, which Asterisk takes by
 * the call's codec, and <rate>/<file>.wav for both, where FreeSWITCH looks first for that of the call's rate.
 */
export async function makePrompts({ list, out, voice, made }: PromptsOptions): Promise<void> {
  const prompts = await readPrompts(list);
  await mkdir(out, { recursive: true });
  for (const { file, text } of prompts) {
    const narrow = writeWav({ rate: 8000, channels: [await speak(voice, text, 8000)] });
    const wide = await speak(voice, text, 16_000);
    await writeWhole(join(out, `${file}.wav`), narrow);
    await writeWhole(join(out, "8000", `${file}.wav`), narrow);
    await writeWhole(join(out, "16000", `${file}.wav`), writeWav({ rate: 16_000, channels: [wide] }));
    await writeWhole(join(out, `${file}.sln16`), new Uint8Array(wide.buffer, wide.byteOffset, wide.byteLength));
    made?.(file, wide.length / 16_000);
  }
}

export async function speak({ tts, voice, language }: Voice, text: string, rate: SampleRate): Promise<Int16Array> {
  const collect = async (signal: AbortSignal): Promise<Int16Array> => {
    const pieces: Int16Array[] = [];
    for await (const { pcm } of tts.speak(once(text), { voice, rate, language, signal })) pieces.push(pcm.slice());
    const whole = new Int16Array(pieces.reduce((length, piece) => length + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  };
  const spoken = await withDeadline(collect, {
    clock: systemClock,
    ms: SPEAK_MS,
    message: `${tts.name} did not finish within two minutes`,
  });
  if (spoken.length === 0) throw new CommandError(`${tts.name} made no sound of "${text.slice(0, 60)}".`);
  return spoken;
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

/** Whoever plays the file meanwhile hears the old one or the new one, never half of it. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}.tmp`;
  await writeFile(aside, bytes);
  await rename(aside, path);
}
