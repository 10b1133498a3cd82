import { z } from "zod";
import type { Frame } from "../../audio/frame.ts";
import { ProviderError, type SpeakOptions, type TextToSpeech } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { characterPrice, speechBill } from "../llm/bill.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { deadlines } from "../options.ts";
import { patiently } from "../patience.ts";
import type { WyomingEvent } from "../wyoming.ts";
import { keepSpoken } from "./kept.ts";
import { type Coding, resamplerFor, Sound } from "./live/sound.ts";
import { speakableParts } from "./pieces.ts";
import { WyomingWires } from "./wyoming/wires.ts";

const schema = z.strictObject({
  host: z.string().min(1).max(255).default("127.0.0.1").describe("the server; the protocol has no encryption"),
  port: z.int().min(1).max(65_535).default(10_200).describe("10200 is piper's"),
  voice: z.string().max(128).default("").describe("for agents that name none; empty: the server's own"),
  speaker: z.string().max(128).optional().describe("where a voice has several"),
  ...deadlines({ connectMs: 2000, firstMs: 3000, stallMs: 3000 }),
  price: characterPrice,
});

/** Any voice that speaks the Wyoming protocol: piper. Its sound has the rate that the server says, and is resampled to the call's. */
export const wyomingVoice: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "wyoming",
  schema,
  leavesHost: ({ host }) => hostBeyond(`tcp://${host.includes(":") ? `[${host}]` : host}`),
  create: (options, context) => keepSpoken(new WyomingVoice(options, context), options, context),
};

class WyomingVoice implements TextToSpeech {
  readonly name: string;
  readonly #options: z.output<typeof schema>;
  readonly #context: ProviderContext;
  readonly #wires: WyomingWires;

  constructor(options: z.output<typeof schema>, context: ProviderContext) {
    this.name = context.name ?? "wyoming";
    this.#options = options;
    this.#context = context;
    this.#wires = new WyomingWires({ ...options, provider: this.name, clock: context.clock });
  }

  connect({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#wires.warm(signal);
  }

  async *speak(text: AsyncIterable<string>, options: SpeakOptions): AsyncGenerator<Frame, void, undefined> {
    const { signal } = options;
    const forever = { firstMs: NEVER_MS, stallMs: NEVER_MS, provider: this.name, clock: this.#context.clock };
    // How long the text may take is not the voice's to say.
    for await (const piece of patiently(text, { ...forever, signal, stop: () => {} }))
      for (const part of speakableParts(piece)) yield* this.#part(part, options);
  }

  async *#part(part: string, { voice, rate, language, signal, onUsage }: SpeakOptions): AsyncGenerator<Frame> {
    if (signal.aborted) return;
    const { firstMs, stallMs, price } = this.#options;
    const asked = this.#wires.ask(this.#request(part, voice, language));
    const patience = { provider: this.name, clock: this.#context.clock, firstMs, stallMs, signal };
    let sound: Sound | undefined;
    let bytes = 0;
    try {
      for await (const event of patiently(asked.events, { ...patience, stop: () => asked.giveUp() })) {
        if (event.type === "audio-start") {
          sound?.close();
          const coding = this.#coding(event);
          sound = new Sound(coding, rate, await resamplerFor(coding, rate));
        } else if (event.type === "audio-chunk" && event.payload) {
          if (!sound) throw new ProviderError(this.name, "protocol", "sound before its beginning");
          bytes += event.payload.length;
          yield* sound.push(event.payload);
        }
      }
      if (signal.aborted) return;
      if (!sound || bytes < 2) throw new ProviderError(this.name, "protocol", "it made no sound");
      yield* sound.end();
    } finally {
      sound?.close();
      asked.giveUp();
      if (bytes > 0) onUsage?.(speechBill(this.name, price, part.length));
    }
  }

  #request(text: string, voice: string, language: string): WyomingEvent {
    const { voice: own, speaker } = this.#options;
    const name = voice || own;
    // A voice has its language; without one the server is to choose by it.
    const chosen = name === "" ? { language } : { name };
    return { type: "synthesize", data: { text, voice: { ...chosen, ...(speaker !== undefined && { speaker }) } } };
  }

  #coding({ data = {} }: WyomingEvent): Coding {
    const { rate, width, channels } = data;
    if (typeof rate !== "number" || rate < 8000 || rate > 48_000 || width !== 2 || channels !== 1)
      throw new ProviderError(this.name, "protocol", `sound of ${rate} Hz, ${width} bytes and ${channels} channels`);
    return { kind: "pcm", rate };
  }

  async close(): Promise<void> {
    this.#wires.close();
  }
}

const NEVER_MS = 2 ** 31 - 1;
