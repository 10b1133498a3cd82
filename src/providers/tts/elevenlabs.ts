import { z } from "zod";
import type { Frame, SampleRate } from "../../audio/frame.ts";
import { ProviderError, type SpeakOptions, type TextToSpeech } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { keySchema } from "../key.ts";
import { characterPrice } from "../llm/bill.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { deadlines, serverUrl } from "../options.ts";
import { type ElevenLabsKind, elevenLabsProtocol } from "./elevenlabs/protocol.ts";
import { Lines } from "./live/lines.ts";
import type { Coding } from "./live/sound.ts";
import { speakThrough } from "./live/speaking.ts";

const schema = z.strictObject({
  apiKey: keySchema,
  voice: z.string().max(128).default("").describe("a voice's id, for agents that name none"),
  model: z
    .string()
    .regex(/^[a-z0-9_]+$/, "a model's name such as eleven_flash_v2_5")
    .default("eleven_flash_v2_5")
    .describe("any that does websockets; `eleven_v3` does not"),
  coding: z.enum(["pcm", "mulaw"]).default("pcm").describe("`mulaw` halves the bytes of an 8 kHz call"),
  stability: z.number().min(0).max(1).optional(),
  similarity: z.number().min(0).max(1).optional(),
  speed: z.number().min(0.7).max(1.2).optional(),
  baseUrl: serverUrl("wss://api.elevenlabs.io", /^wss?$/).describe(
    "`wss://api.eu.residency.elevenlabs.io` keeps data in the EU, for accounts that have it",
  ),
  connections: z.int().min(1).max(200).default(20).describe("at the same time; each has room for five replies"),
  ...deadlines({ connectMs: 2000, firstMs: 2000, stallMs: 2000 }),
  price: characterPrice,
});

export type ElevenLabsOptions = z.output<typeof schema>;

// The vendor's limit on one connection.
const CONTEXTS = 5;
// The vendor closes after 180 s at most: before that, we do.
const IDLE_MS = 150_000;

/** ElevenLabs, streaming, over its multi-context websocket. */
export const elevenlabs: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "elevenlabs",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (options, context) => createElevenLabs(options, context),
};

function createElevenLabs(
  options: ElevenLabsOptions,
  { clock, name: provider = "elevenlabs" }: ProviderContext,
): TextToSpeech {
  const { connectMs, connections, firstMs, stallMs, price } = options;
  const lines = new Lines({
    provider,
    clock,
    connectMs,
    connections,
    contexts: CONTEXTS,
    idleMs: IDLE_MS,
    protocolOf: (kind) => elevenLabsProtocol(provider, options, JSON.parse(kind) as ElevenLabsKind),
  });
  // Voice and coding belong to the connection.
  const kindOf = ({ voice, rate, language }: Pick<SpeakOptions, "voice" | "rate" | "language">): string => {
    const chosen = voice || options.voice;
    if (chosen === "") throw new ProviderError(provider, "refused", "no voice; name one in the agent file, or here");
    return JSON.stringify({ voice: chosen, format: formatOf(options, rate), language: language.slice(0, 2) });
  };
  return {
    name: provider,
    connect: (wanted) => lines.warm(() => kindOf(wanted), wanted.signal),
    speak(text, spoken): AsyncIterable<Frame> {
      const coding = codingOf(options, spoken.rate);
      const open = () => lines.open(kindOf(spoken));
      return speakThrough(text, { provider, clock, firstMs, stallMs, coding, price, open }, spoken);
    },
    async close() {
      lines.close();
    },
  };
}

/** What the vendor has at the call's own rate; above its highest useful one it is asked for that. */
function codingOf({ coding }: ElevenLabsOptions, rate: SampleRate): Coding {
  if (coding === "mulaw" && rate === 8000) return { kind: "mulaw", rate };
  return { kind: "pcm", rate: Math.min(rate, 24_000) };
}

function formatOf(options: ElevenLabsOptions, rate: SampleRate): string {
  const { kind, rate: rateHz } = codingOf(options, rate);
  return kind === "mulaw" ? "ulaw_8000" : `pcm_${rateHz}`;
}
