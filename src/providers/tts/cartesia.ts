import { z } from "zod";
import type { SampleRate } from "../../audio/frame.ts";
import { ProviderError, type SpeakOptions, type TextToSpeech } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { keySchema } from "../key.ts";
import { characterPrice } from "../llm/bill.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { deadlines, serverUrl } from "../options.ts";
import { type CartesiaKind, cartesiaProtocol } from "./cartesia/protocol.ts";
import { keepSpoken } from "./kept.ts";
import { Line } from "./live/line.ts";
import { Lines } from "./live/lines.ts";
import type { Coding } from "./live/sound.ts";
import { speakThrough } from "./live/speaking.ts";

const schema = z.strictObject({
  apiKey: keySchema,
  voice: z.string().max(128).default("").describe("a voice's id, for agents that name none"),
  model: z
    .string()
    .regex(/^[a-z0-9.-]+$/, "a model's name such as sonic-3")
    .default("sonic-3"),
  coding: z.enum(["pcm", "mulaw"]).default("pcm").describe("`mulaw` halves the bytes of an 8 kHz call"),
  baseUrl: serverUrl("wss://api.cartesia.ai", /^wss?$/),
  connections: z.int().min(1).max(200).default(20).describe("at the same time; each has room for ten replies"),
  ...deadlines({ connectMs: 2000, firstMs: 2000, stallMs: 2000 }),
  price: characterPrice,
});

// The vendor speaks of dozens on one connection; what breaks with it is bounded by this.
const CONTEXTS = 10;
const IDLE_MS = 240_000;

/** Cartesia's Sonic models, streaming, over its websocket of contexts. */
export const cartesia: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "cartesia",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (options, context) => keepSpoken(createCartesia(options, context), options, context),
};

function createCartesia(options: z.output<typeof schema>, context: ProviderContext): TextToSpeech {
  const { clock, name: provider = "cartesia" } = context;
  const { connectMs, connections, firstMs, stallMs, price } = options;
  const lines = new Lines({
    provider,
    connections,
    lineOf(kind, gone) {
      const protocol = cartesiaProtocol(provider, options, JSON.parse(kind) as CartesiaKind);
      return new Line({ protocol, clock, connectMs, contexts: CONTEXTS, idleMs: IDLE_MS, gone });
    },
  });
  const codingOf = (rate: SampleRate): Coding => ({
    kind: options.coding === "mulaw" && rate === 8000 ? "mulaw" : "pcm",
    rate,
  });
  const kindOf = ({ voice, rate, language }: Pick<SpeakOptions, "voice" | "rate" | "language">): string => {
    const chosen = voice || options.voice;
    if (chosen === "") throw new ProviderError(provider, "refused", "no voice; name one in the agent file, or here");
    return JSON.stringify({ voice: chosen, coding: codingOf(rate), language: language.slice(0, 2) });
  };
  return {
    name: provider,
    connect: (wanted) => lines.warm(() => kindOf(wanted), wanted.signal),
    speak(text, spoken) {
      const speaking = { provider, clock, firstMs, stallMs, price, coding: codingOf(spoken.rate) };
      return speakThrough(text, { ...speaking, open: () => lines.open(kindOf(spoken)) }, spoken);
    },
    async close() {
      lines.close();
    },
  };
}
