import type OpenAI from "openai";
import { z } from "zod";
import type { Frame } from "../../audio/frame.ts";
import { ProviderError, type SpeakOptions, type TextToSpeech } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { type Http, openHttp } from "../http.ts";
import { keySchema } from "../key.ts";
import { characterPrice, speechBill } from "../llm/bill.ts";
import { apiFailure } from "../llm/failure.ts";
import { openClient } from "../llm/openai/client.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { deadlines, serverUrl } from "../options.ts";
import { patiently } from "../patience.ts";
import { keepSpoken } from "./kept.ts";
import { resamplerFor, Sound } from "./live/sound.ts";
import { speakableParts } from "./pieces.ts";

const schema = z.strictObject({
  model: z.string().min(1).max(200).describe("as its server knows it: `gpt-4o-mini-tts`, `kokoro`, `tts-1`"),
  voice: z.string().max(128).default("alloy").describe("for agents that name none"),
  baseUrl: serverUrl("https://api.openai.com/v1").describe("of kokoro, or of piper behind such a server"),
  apiKey: keySchema.optional().describe("local servers mostly want none"),
  rateHz: z
    .int()
    .min(8000)
    .max(48_000)
    .default(24_000)
    .describe("of the server's PCM: 24000 of the vendor and of kokoro, 22050 of many piper voices"),
  speed: z.number().min(0.25).max(4).optional(),
  ...deadlines({ connectMs: 2000, firstMs: 3000, stallMs: 3000 }),
  price: characterPrice,
});

/** Any server with OpenAI's speech endpoint. Its PCM has one rate, and is resampled to the call's. */
export const openaiSpeech: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "openai-speech",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (options, context) => keepSpoken(new OpenAiSpeech(options, context), options, context),
};

class OpenAiSpeech implements TextToSpeech {
  readonly name: string;
  readonly #options: z.output<typeof schema>;
  readonly #context: ProviderContext;
  readonly #http: Http;
  readonly #client: Promise<OpenAI>;

  constructor(options: z.output<typeof schema>, context: ProviderContext) {
    this.name = context.name ?? "openai-speech";
    this.#options = options;
    this.#context = context;
    this.#http = openHttp(options);
    this.#client = openClient(options, this.#http);
    // Whoever asks for a reply is told.
    this.#client.catch(() => undefined);
  }

  connect({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#http.warm(this.#options.baseUrl, signal);
  }

  async *speak(text: AsyncIterable<string>, options: SpeakOptions): AsyncGenerator<Frame> {
    const { signal } = options;
    const forever = { firstMs: NEVER_MS, stallMs: NEVER_MS, provider: this.name, clock: this.#context.clock };
    // How long the text may take is not the voice's to say.
    for await (const piece of patiently(text, { ...forever, signal, stop: () => {} }))
      for (const part of speakableParts(piece)) yield* this.#part(part, options);
  }

  async *#part(part: string, { voice, rate, signal, onUsage }: SpeakOptions): AsyncGenerator<Frame> {
    if (signal.aborted) return;
    const { firstMs, stallMs, rateHz, price } = this.#options;
    const coding = { kind: "pcm", rate: rateHz } as const;
    const sound = new Sound(coding, rate, await resamplerFor(coding, rate));
    await this.#client;
    const abort = new AbortController();
    const patience = { provider: this.name, clock: this.#context.clock, firstMs, stallMs, signal };
    let bytes = 0;
    try {
      for await (const chunk of patiently(this.#ask(part, voice, abort.signal), {
        ...patience,
        stop: () => abort.abort(),
      })) {
        bytes += chunk.length;
        yield* sound.push(chunk);
      }
      if (signal.aborted) return;
      if (bytes < 2) throw new ProviderError(this.name, "protocol", "it made no sound");
      yield* sound.end();
    } catch (error) {
      if (!signal.aborted) throw apiFailure(this.name, error);
    } finally {
      sound.close();
      if (bytes > 0) onUsage?.(speechBill(this.name, price, part.length));
    }
  }

  async *#ask(input: string, voice: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { model, speed, voice: own } = this.#options;
    const wanted = { model, input, voice: voice || own, response_format: "pcm" as const };
    const client = await this.#client;
    const answer = await client.audio.speech.create({ ...wanted, ...(speed !== undefined && { speed }) }, { signal });
    // An error page or a compressed sound would be heard as noise.
    const type = answer.headers.get("content-type") ?? "";
    if (/json|text|mpeg|mp3|ogg|opus|flac|aac|wav/.test(type))
      throw new ProviderError(this.name, "protocol", `asked for PCM, it answered ${type}`);
    for await (const chunk of answer.body ?? []) yield chunk as Uint8Array;
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}

const NEVER_MS = 2 ** 31 - 1;
