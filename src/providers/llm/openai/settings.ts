import { z } from "zod";
import { keySchema } from "../../key.ts";
import { deadlines, serverUrl } from "../../options.ts";
import { tokenPrices } from "../bill.ts";

export const schema = z.strictObject({
  model: z.string().min(1).max(200).describe("the model's name, as its server knows it"),
  baseUrl: serverUrl("https://api.openai.com/v1").describe(
    "of vLLM, llama.cpp, Ollama, LM Studio and the like: http://127.0.0.1:8000/v1",
  ),
  apiKey: keySchema.optional().describe("local servers mostly want none"),
  api: z
    .enum(["chat", "responses"])
    .default("chat")
    .describe("compatible servers speak `chat`; the vendor speaks both"),
  temperature: z.number().min(0).max(2).optional(),
  maxTokens: z.int().min(16).max(100_000).optional().describe("of one reply, a reasoning model's thoughts included"),
  reasoningEffort: z
    .enum(["none", "minimal", "low", "medium", "high"])
    .optional()
    .describe("of models that reason: the less, the sooner the caller hears something"),
  ...deadlines({ connectMs: 2000, firstMs: 4000, stallMs: 4000 }),
  prices: tokenPrices,
});

export type Settings = z.output<typeof schema>;
