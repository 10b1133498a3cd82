import { z } from "zod";
import { keySchema } from "../../key.ts";
import { characterPrice } from "../../llm/bill.ts";
import { deadlines, serverUrl } from "../../options.ts";

export const schema = z.strictObject({
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
