import { join } from "node:path";
import { z } from "zod";
import { type Frame, type SampleRate, samplesPerFrame } from "../../audio/frame.ts";
import type { Clock } from "../../base/clock.ts";
import { isCancellation } from "../../base/errors.ts";
import { abortable } from "../../base/signals.ts";
import { ProviderError, type TextToSpeech } from "../../conversation/providers.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { SpeechDisk, SpeechMemory, speechKey } from "./cache.ts";
import { FliteJobs } from "./flite-jobs.ts";
import { pauseAfterMs, speakableParts } from "./pieces.ts";

export const FLITE_VOICES = ["slt", "rms", "awb", "kal"] as const;

const schema = z.strictObject({
  voice: z.enum(FLITE_VOICES).default("slt").describe("who speaks where an agent names no voice"),
  speed: z.number().min(0.5).max(2).default(1).describe("1 is the voice's own speed, 1.5 half as fast again"),
  threads: z
    .int()
    .min(1)
    .max(8)
    .default(1)
    .describe("how many pieces are spoken at the same time; one speaks 40 to 90 times as fast as the call hears it"),
  cacheMb: z.int().min(1).max(1024).default(32).describe("spoken pieces kept in memory; 1 MB is a minute at 8 kHz"),
  diskMb: z.int().min(0).max(1024).default(64).describe("greetings and prompts kept on disk; 0 keeps none"),
});

/** Flite: four English voices, spoken on this machine in processes of their own. */
export const flite: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "flite",
  schema,
  languages: ["en"],
  leavesHost: () => undefined,
  create: (options, context) => new Flite(options, context),
};

interface SpeakOptions {
  readonly voice: string;
  readonly rate: SampleRate;
  readonly language: string;
  readonly signal: AbortSignal;
}

class Flite implements TextToSpeech {
  readonly name = "flite";
  readonly #options: z.output<typeof schema>;
  readonly #clock: Clock;
  readonly #jobs: FliteJobs;
  readonly #memory: SpeechMemory;
  readonly #disk: SpeechDisk | undefined;
  // The same words for two callers at once are spoken once.
  readonly #speaking = new Map<string, Promise<Int16Array>>();

  constructor(options: z.output<typeof schema>, { clock, log, cacheDir }: ProviderContext) {
    this.#options = options;
    this.#clock = clock;
    this.#jobs = new FliteJobs({ threads: options.threads, clock, log });
    this.#memory = new SpeechMemory(options.cacheMb << 20);
    if (cacheDir !== undefined && options.diskMb > 0) {
      this.#disk = new SpeechDisk({ folder: join(cacheDir, "speech"), limitBytes: options.diskMb << 20, log });
    }
    const hello = { text: "Hello.", voice: options.voice, speed: options.speed, rate: 8000, pauseMs: 0 } as const;
    // A reload makes a voice while others speak, and to start a process holds them up: in a turn of its own.
    clock.after(0, () => this.#jobs.warmUp(hello));
  }

  async *speak(text: AsyncIterable<string>, { voice, rate, signal }: SpeakOptions): AsyncGenerator<Frame> {
    const chosen = this.#voice(voice);
    const parts = partsOf(text);
    // One part ahead: while this one is being played, the next is read, and spoken by a process.
    const read = async (): Promise<{ sound: Promise<Int16Array> } | undefined> => {
      const next = await abortable(parts.next(), signal);
      return next.done ? undefined : { sound: unheard(this.#piece(next.value, { voice: chosen, rate, signal })) };
    };
    try {
      let coming = unheard(read());
      for (let part = await coming; part; part = await coming) {
        coming = unheard(read());
        yield* framesOf(await part.sound, rate, signal);
      }
    } catch (error) {
      if (!isCancellation(error, signal)) throw error;
    } finally {
      // Whoever gives the text may be waiting for a model that is not heard of any more: nobody waits for that.
      void unheard(parts.return(undefined));
    }
  }

  async prepare(texts: readonly string[], { voice, rate, signal }: SpeakOptions): Promise<void> {
    const chosen = this.#voice(voice);
    for (const text of texts) {
      for (const part of speakableParts(text)) await this.#prepared(part, { voice: chosen, rate, signal });
    }
  }

  close(): Promise<void> {
    return this.#jobs.close();
  }

  #voice(voice: string): string {
    if (voice === "") return this.#options.voice;
    if (FLITE_VOICES.some((known) => known === voice)) return voice;
    throw new ProviderError("flite", "refused", `there is no voice "${voice}"; there are ${FLITE_VOICES.join(", ")}`);
  }

  #keyOf(text: string, { voice, rate }: { voice: string; rate: SampleRate }): string {
    const { speed } = this.#options;
    return speechKey({ provider: "flite", voice: speed === 1 ? voice : `${voice} at ${speed}`, text, rate });
  }

  async #prepared(text: string, how: { voice: string; rate: SampleRate; signal: AbortSignal }): Promise<void> {
    const key = this.#keyOf(text, how);
    if (this.#memory.get(key)) return;
    const kept = await this.#disk?.get(key);
    if (kept) {
      this.#memory.set(key, kept);
      await this.#disk?.touch(key, this.#clock.wall());
      return;
    }
    await this.#disk?.set(key, await this.#piece(text, how));
  }

  async #piece(text: string, how: { voice: string; rate: SampleRate; signal: AbortSignal }): Promise<Int16Array> {
    const key = this.#keyOf(text, how);
    const kept = this.#memory.get(key);
    if (kept) return kept;
    const shared = this.#speaking.get(key);
    // Whoever asked first may have hung up meanwhile; then this one asks for itself.
    if (shared) {
      try {
        return await abortable(shared, how.signal);
      } catch (error) {
        if (how.signal.aborted || error instanceof ProviderError) throw error;
      }
    }
    const { voice, rate, signal } = how;
    const work = { text, voice, speed: this.#options.speed, rate, pauseMs: pauseAfterMs(text) };
    const speaking = this.#jobs.speak(work, signal);
    this.#speaking.set(key, speaking);
    try {
      const pcm = await speaking;
      this.#memory.set(key, pcm);
      return pcm;
    } finally {
      if (this.#speaking.get(key) === speaking) this.#speaking.delete(key);
    }
  }
}

async function* partsOf(text: AsyncIterable<string>): AsyncGenerator<string, undefined> {
  for await (const piece of text) yield* speakableParts(piece);
  return undefined;
}

function* framesOf(pcm: Int16Array, rate: SampleRate, signal: AbortSignal): Generator<Frame> {
  const samples = samplesPerFrame(rate);
  for (let at = 0; at < pcm.length && !signal.aborted; at += samples)
    yield { pcm: pcm.subarray(at, at + samples), rate };
}

/** Marks a promise as one that may fail without anybody there to hear it; whoever does await it, hears it. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
