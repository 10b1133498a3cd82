import { z } from "zod";
import { keySchema } from "../../key.ts";
import { tokenPrices } from "../../llm/bill.ts";
import { deadlines, serverUrl } from "../../options.ts";

export const schema = z.strictObject({
  apiKey: keySchema.optional().describe("servers of one's own mostly want none"),
  baseUrl: serverUrl("wss://api.openai.com/v1", /^wss?$/).describe(
    "of compatible servers: ws://127.0.0.1:8000/v1; `/realtime` is added",
  ),
  model: z.string().min(1).max(200).default("gpt-realtime").describe("as its server knows it"),
  protocol: z
    .enum(["ga", "beta"])
    .default("ga")
    .describe("compatible servers often speak the vendor's earlier one, `beta`"),
  voice: z.string().max(128).default("").describe("for agents that name none; empty: the server's default"),
  coding: z
    .enum(["mulaw", "pcm"])
    .default("mulaw")
    .describe("`mulaw`: as it comes on an 8 kHz call. Calls at other rates are sent as PCM at 24 kHz in any case"),
  transcription: z
    .string()
    .min(1)
    .max(200)
    .default("gpt-transcribe")
    .describe(
      "the model that writes down what the caller says, for the record and for whoever goes on after a failure",
    ),
  serverVad: z
    .boolean()
    .default(false)
    .describe(
      "the server listens too, and silences the agent where it hears the caller first; all sound is sent, not only speech",
    ),
  temperature: z.number().min(0).max(2).optional().describe("with `protocol: beta` alone"),
  ...deadlines({ connectMs: 3000, firstMs: 4000, stallMs: 4000 }),
  prices: tokenPrices,
});

export type RealtimeOptions = z.output<typeof schema>;
