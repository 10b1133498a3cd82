import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { joined } from "../audio/joined.ts";
import { writeWav } from "../audio/wav.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { withDeadline } from "../base/signals.ts";
import type { Agent } from "../conversation/agent.ts";
import type { TextToSpeech } from "../conversation/providers.ts";
import { piecesOf } from "../conversation/warm.ts";

export interface BriefsOptions {
  /** Absolute. The PBX's user reads there, by way of the folder's group. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Every PBX reads it, and every telephone's codec has it. */
const RATE = 8000;
/** A human who has answered waits for less than two seconds; ringing goes before. Later than this nobody asks for it. */
const SPEAK_MS = 15_000;
/** What a voice says in half a minute is no brief. */
const SAMPLES_MAX = 30 * RATE;
/** Then nobody will hear it any more: longer than a target rings. */
const KEEP_MS = 600_000;
const TIDY_MS = 60_000;
/** A comma, a bracket or a dollar would be one of the dialplan's. */
const PLAIN = /^[A-Za-z0-9 ._/-]+$/;

/** What humans hear before they take a call: spoken into files, for the dialplan to play whatever becomes of us. */
export class Briefs {
  readonly #options: BriefsOptions;
  readonly #timer: Timer;
  #made: Promise<void> | undefined;
  #count = 0;

  constructor(options: BriefsOptions) {
    this.#options = options;
    this.#timer = options.clock.every(TIDY_MS, () => void this.tidy());
    void this.tidy();
  }

  /** The folder, for the dialplan; undefined: its name cannot stand there. */
  get dir(): string | undefined {
    return PLAIN.test(this.#options.dir) ? this.#options.dir : undefined;
  }

  /**
   * Begins to speak, and returns the file's id at once: it will be there, whole, when the voice is ready. One that fails is none, and
   * the human hears the fixed prompt. Undefined: no dialplan could play it.
   */
  speak(text: string, { agent, tts }: { agent: Agent; tts: TextToSpeech }): string | undefined {
    const { clock, log } = this.#options;
    if (this.dir === undefined) return undefined;
    const id = `${Math.round(clock.wall()).toString(36)}-${process.pid}-${++this.#count}`;
    const speaking = (signal: AbortSignal) => this.#speak(id, text, { agent, tts, signal });
    const message = "the voice took too long";
    withDeadline(speaking, { clock, ms: SPEAK_MS, message }).catch((error: unknown) =>
      log.warn({ reason: messageOf(error) }, "a brief could not be spoken; the human hears the fixed one"),
    );
    return id;
  }

  async #speak(
    id: string,
    text: string,
    { agent: { voice, language }, tts, signal }: { agent: Agent; tts: TextToSpeech; signal: AbortSignal },
  ): Promise<void> {
    const parts: Int16Array[] = [];
    let samples = 0;
    for await (const { pcm } of tts.speak(each(piecesOf(text)), { voice, rate: RATE, language, signal })) {
      parts.push(pcm.slice());
      samples += pcm.length;
      if (samples >= SAMPLES_MAX) break;
    }
    signal.throwIfAborted();
    if (samples === 0) throw new Error("the voice said nothing");
    await this.#folder();
    const path = join(this.#options.dir, `${id}.wav`);
    // The dialplan looks for it, and must never find half of it.
    await writeFile(`${path}.part`, writeWav({ rate: RATE, channels: [joined(parts)] }), { mode: 0o640 });
    await rename(`${path}.part`, path);
  }

  /** Removes what was heard, or never will be. Never rejects. */
  async tidy(): Promise<void> {
    const { dir, clock, log } = this.#options;
    try {
      for (const name of await readdir(dir)) {
        const { mtimeMs } = await stat(join(dir, name));
        if (clock.wall() - mtimeMs > KEEP_MS) await rm(join(dir, name), { force: true });
      }
    } catch (error) {
      if (codeOf(error) !== "ENOENT") log.warn({ dir, reason: messageOf(error) }, "old briefs could not be removed");
    }
  }

  close(): void {
    this.#timer.cancel();
  }

  #folder(): Promise<void> {
    this.#made ??= makeFolder(this.#options.dir).catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }
}

async function makeFolder(dir: string): Promise<void> {
  // What is made in it belongs to the folder's group (the set-group-id bit), which is the PBX's.
  if ((await mkdir(dir, { recursive: true, mode: 0o750 })) !== undefined) await chmod(dir, 0o2750);
}

async function* each(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}
