import { z } from "zod";
import type { ProviderErrorCode, SpeechToText } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { keySchema } from "../key.ts";
import type { ProviderModule } from "../module.ts";
import { serverUrl } from "../options.ts";
import { AssemblyWire } from "./assemblyai/wire.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { EarlyHearings } from "./live/early.ts";
import { LiveHearing } from "./live/hearing.ts";

const schema = z.strictObject({
  apiKey: keySchema.describe("The key of the project."),
  url: serverUrl("wss://streaming.assemblyai.com", /^wss?$/).describe("`wss://streaming.eu.assemblyai.com` in the EU."),
  model: z
    .enum(["universal-streaming-english", "universal-streaming-multilingual"])
    .default("universal-streaming-english")
    .describe("English, or six languages."),
  encoding: z
    .enum(["pcm_s16le", "pcm_mulaw"])
    .default("pcm_s16le")
    .describe("How sound is sent; `pcm_mulaw` halves the bytes."),
  formatTurns: z.boolean().default(false).describe("Punctuation and figures in the final words, a little later."),
  ...deadlineKeys,
});

// It takes pieces of 50 ms to a second.
const BATCH_MS = 60;

/** AssemblyAI's universal streaming (v3). */
export const assemblyai: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "assemblyai",
  schema,
  leavesHost: ({ url }) => hostBeyond(url),
  create(options, { clock, name = "assemblyai" }): SpeechToText {
    const early = new EarlyHearings(
      clock,
      ({ rate, hints, signal }) =>
        new LiveHearing({
          provider: name,
          rate,
          signal,
          clock,
          deadlines: options,
          batchMs: BATCH_MS,
          // In noise without words it says nothing.
          talkative: false,
          connect: (hearing) =>
            new AssemblyWire(hearing, { ...options, provider: name, rate, hints, clock, codeOfClose }),
        }),
    );
    return { name, ...early.port, close: async () => early.close() };
  },
};

/** The vendor's own close codes. */
function codeOfClose(code: number): ProviderErrorCode | undefined {
  if (code === 4029 || code === 4102) return "overloaded";
  return (code >= 4000 && code <= 4003) || code === 4101 ? "refused" : undefined;
}
