import { z } from "zod";
import type { Frame } from "../../audio/frame.ts";
import { abortable } from "../../base/signals.ts";
import { ProviderError, type SpeakOptions, type TextToSpeech } from "../../conversation/providers.ts";
import { modelFiles } from "../model-files.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { patiently } from "../patience.ts";
import { keepSpoken } from "./kept.ts";
import { resamplerFor, Sound } from "./live/sound.ts";
import { pauseAfterMs, speakableParts } from "./pieces.ts";
import { Mouth } from "./sherpa/mouth.ts";

const ms = (what: string, fallback: number) => z.int().min(50).max(600_000).default(fallback).describe(what);

const schema = z.strictObject({
  model: z.string().min(1).max(4096).describe("the model's folder"),
  files: modelFiles,
  kind: z.enum(["vits", "matcha", "kokoro", "kitten"]).default("vits").describe("piper's voices are `vits`"),
  speaker: z.int().min(0).max(10_000).default(0).describe("for agents whose `voice` is no number"),
  speed: z.number().min(0.5).max(2).default(1),
  threads: z.int().min(1).max(64).default(1).describe("of its process"),
  loadMs: ms("how long checking and loading the model may take", 60_000),
  firstMs: ms("from a piece of text to its first sound", 5000),
  stallMs: ms("how long nothing may come in the middle of a piece", 5000),
});

/** Neural voices on this machine, by sherpa-onnx in a process of its own. */
export const sherpaVoice: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "sherpa",
  schema,
  leavesHost: () => undefined,
  create: (options, context) => createSherpaVoice(options, context),
};

/** `library`: who speaks, where it is not sherpa-onnx. */
export function createSherpaVoice(
  options: z.output<typeof schema>,
  context: ProviderContext,
  library = "sherpa-onnx-node",
): TextToSpeech {
  return keepSpoken(new SherpaVoice(options, context, library), options, context);
}

class SherpaVoice implements TextToSpeech {
  readonly name: string;
  readonly #options: z.output<typeof schema>;
  readonly #context: ProviderContext;
  readonly #mouth: Mouth;

  constructor(options: z.output<typeof schema>, context: ProviderContext, library: string) {
    this.name = context.name ?? "sherpa";
    this.#options = options;
    this.#context = context;
    const { model: folder, files, kind, threads, loadMs } = options;
    const { clock, log } = context;
    const model = { folder, files, kind, threads };
    this.#mouth = new Mouth({ provider: this.name, model, library, loadMs, clock, log });
  }

  /** After a death the process is started while the call is being answered. */
  async connect({ signal }: { signal: AbortSignal }): Promise<void> {
    await abortable(this.#mouth.ready(), signal).catch(() => undefined);
  }

  async *speak(text: AsyncIterable<string>, options: SpeakOptions): AsyncGenerator<Frame, void, undefined> {
    const { signal } = options;
    const forever = { firstMs: NEVER_MS, stallMs: NEVER_MS, provider: this.name, clock: this.#context.clock };
    // How long the text may take is not the voice's to say.
    for await (const piece of patiently(text, { ...forever, signal, stop: () => {} }))
      for (const part of speakableParts(piece)) yield* this.#part(part, options);
  }

  async *#part(text: string, { voice, rate, signal }: SpeakOptions): AsyncGenerator<Frame> {
    const rateHz = await abortable(this.#mouth.ready(), signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (rateHz === undefined || signal.aborted) return;
    const { firstMs, stallMs, speed, speaker } = this.#options;
    const coding = { kind: "pcm", rate: rateHz } as const;
    const sound = new Sound(coding, rate, await resamplerFor(coding, rate));
    const asked = this.#mouth.ask({ text, speaker: /^\d{1,5}$/.test(voice) ? Number(voice) : speaker, speed });
    const patience = { provider: this.name, clock: this.#context.clock, firstMs, stallMs, signal };
    let samples = 0;
    try {
      for await (const pcm of patiently(asked.sound, { ...patience, stop: () => asked.giveUp() })) {
        samples += pcm.length;
        yield* sound.push(bytesOf(pcm));
      }
      if (signal.aborted) return;
      if (samples === 0) throw new ProviderError(this.name, "protocol", "it made no sound");
      yield* sound.push(new Uint8Array(2 * Math.round((pauseAfterMs(text) * rateHz) / 1000)));
      yield* sound.end();
    } catch (error) {
      // What is as slow as this hangs, and would go on hanging.
      if (error instanceof ProviderError && error.code === "timeout") this.#mouth.kill();
      throw error;
    } finally {
      sound.close();
      asked.giveUp();
    }
  }

  close(): Promise<void> {
    return this.#mouth.close();
  }
}

const bytesOf = (pcm: Int16Array): Uint8Array => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);

const NEVER_MS = 2 ** 31 - 1;
