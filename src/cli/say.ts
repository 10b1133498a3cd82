import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { SampleRate } from "../audio/frame.ts";
import { writeWav } from "../audio/wav.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit.ts";
import { makePrompts, speak, writeWhole } from "./prompts.ts";
import { openVoice, type Voice } from "./voice.ts";

const HELP = `
With --prompts every prompt is written at 8 kHz (<file>.wav) and at 16 kHz for wideband callers (<file>.sln16 for Asterisk;
FreeSWITCH finds either in the folders 8000 and 16000).
Each takes whichever suits the call. The voice is the default agent's, where there is a configuration; with --language the one
that it has for that language.

Examples:
  sidetone say "Good morning." --out hello.wav
  sidetone say "Good morning." --voice rms > hello.wav
  sidetone say "Guten Morgen." --language de --out hallo.wav
  sidetone say --prompts deploy/prompts/en.yaml --out /var/lib/sidetone/sounds
${EXIT_HELP}`;

interface SayOptions {
  readonly voice?: string;
  readonly provider?: string;
  readonly language?: string;
  readonly out?: string;
  readonly prompts?: string;
  readonly rate: string;
  readonly config?: string;
}

export function addSayCommand(program: Command): void {
  program
    .command("say")
    .description("speak a text, or make the prompts of the menu")
    .argument("[text]", "what to say")
    .option("--language <tag>", "the text's language, such as de or fr-CH (default: the default agent's)")
    .option("--voice <name>", "a voice of the provider (default: the default agent's)")
    .option("--provider <name>", "a text-to-speech provider of the configuration (default: the default agent's)")
    .option("-o, --out <path>", "the WAV file; with --prompts the folder")
    .option("--prompts <file>", "a list of {file, text} in YAML")
    .option("--rate <hz>", "8000 or 16000", "16000")
    .option("-c, --config <file>", "the configuration (default: as for `run`; flite where there is none)")
    .addHelpText("after", HELP)
    .action(say);
}

async function say(text: string | undefined, options: SayOptions): Promise<void> {
  if ((text === undefined) === (options.prompts === undefined)) {
    throw new CommandError(
      'Say what: sidetone say "Good morning.", or sidetone say --prompts FILE --out FOLDER.',
      EXIT.usage,
    );
  }
  const voice = await openVoice(options);
  try {
    if (text === undefined) await sayPrompts(voice, options);
    else await sayText(voice, text, options);
  } finally {
    await voice.tts.close();
  }
}

async function sayText(voice: Voice, text: string, { out, rate }: SayOptions): Promise<void> {
  if (rate !== "8000" && rate !== "16000")
    throw new CommandError(`--rate: found ${rate}; expected 8000 or 16000.`, EXIT.usage);
  if (out === undefined && process.stdout.isTTY) {
    throw new CommandError("Sound does not belong onto a terminal: name a file with --out.", EXIT.usage);
  }
  const hz: SampleRate = rate === "8000" ? 8000 : 16_000;
  const wav = writeWav({ rate: hz, channels: [await speak(voice, text, hz)] });
  if (out === undefined) process.stdout.write(wav);
  else await writeWhole(resolve(out), wav);
}

async function sayPrompts(voice: Voice, { prompts = "", out }: SayOptions): Promise<void> {
  if (out === undefined) throw new CommandError("--prompts needs the folder to write to: --out FOLDER.", EXIT.usage);
  const made = (file: string, seconds: number): void => {
    process.stdout.write(`${join(out, file)}: ${seconds.toFixed(1)} s\n`);
  };
  await makePrompts({ list: resolve(prompts), out: resolve(out), voice, made });
}
