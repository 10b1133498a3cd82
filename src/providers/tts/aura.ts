import { z } from "zod";
import type { SampleRate } from "../../audio/frame.ts";
import type { SpeakOptions, TextToSpeech } from "../../conversation/providers.ts";
import { ProviderError } from "../../conversation/providers.ts";
import type { Sdk } from "../deepgram-line.ts";
import { hostBeyond } from "../host.ts";
import { keySchema } from "../key.ts";
import { characterPrice } from "../llm/bill.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { deadlines, serverUrl } from "../options.ts";
import { type AuraKind, AuraLine } from "./aura/line.ts";
import { keepSpoken } from "./kept.ts";
import { Lines } from "./live/lines.ts";
import type { Coding } from "./live/sound.ts";
import { speakThrough } from "./live/speaking.ts";

const VOICE = /^[a-z0-9][a-z0-9-]*$/;

const schema = z.strictObject({
  apiKey: keySchema,
  voice: z
    .string()
    .regex(VOICE, "a model's name such as aura-2-thalia-en")
    .default("aura-2-thalia-en")
    .describe("for agents that name none; voice, model and language are one name"),
  coding: z.enum(["pcm", "mulaw"]).default("pcm").describe("`mulaw` halves the bytes of an 8 kHz call"),
  url: serverUrl("wss://api.deepgram.com", /^wss?$/).describe(
    "`wss://api.eu.deepgram.com` in the EU, or one on the site",
  ),
  connections: z.int().min(1).max(200).default(20).describe("at the same time; each speaks to one caller"),
  mipOptOut: z.boolean().default(false).describe("texts are not kept to improve Deepgram's models; costs more"),
  ...deadlines({ connectMs: 2000, firstMs: 2000, stallMs: 2000 }),
  price: characterPrice,
});

/** Deepgram's Aura voices, streaming, through Deepgram's SDK. */
export const aura: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "aura",
  schema,
  leavesHost: ({ url }) => hostBeyond(url),
  create: (options, context) => keepSpoken(createAura(options, context), options, context),
};

function createAura(
  options: z.output<typeof schema>,
  { clock, name: provider = "aura" }: ProviderContext,
): TextToSpeech {
  const { connections, firstMs, stallMs, price } = options;
  // Loaded now, so that the first call does not wait for it; a failure shows when it is used.
  const sdk: Promise<Sdk> = import("@deepgram/sdk");
  sdk.catch(() => {});
  const lines = new Lines({
    provider,
    connections,
    lineOf: (kind, gone) =>
      new AuraLine({ ...options, provider, clock, sdk, kind: JSON.parse(kind) as AuraKind, gone }),
  });
  const codingOf = (rate: SampleRate): Coding => ({
    kind: options.coding === "mulaw" && rate === 8000 ? "mulaw" : "pcm",
    rate,
  });
  const kindOf = ({ voice, rate }: Pick<SpeakOptions, "voice" | "rate">): string => {
    const model = voice || options.voice;
    if (!VOICE.test(model)) throw new ProviderError(provider, "refused", `"${model}" is no name of a voice`);
    return JSON.stringify({ model, coding: codingOf(rate) } satisfies AuraKind);
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
