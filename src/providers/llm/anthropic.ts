import type Anthropic from "@anthropic-ai/sdk";
import { z } from "zod";
import { codeOf } from "../../base/errors.ts";
import type { LanguageModel, ToolDefinition } from "../../conversation/providers.ts";
import { ProviderError } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { type Http, openHttp } from "../http.ts";
import { keySchema } from "../key.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { deadlines, serverUrl } from "../options.ts";
import { anthropicBody, anthropicParts } from "./anthropic/messages.ts";
import { tokenPrices } from "./bill.ts";
import { type Protocol, streamReply } from "./stream.ts";

const schema = z.strictObject({
  model: z.string().min(1).max(200).describe("the model's name"),
  apiKey: keySchema,
  baseUrl: serverUrl("https://api.anthropic.com"),
  temperature: z.number().min(0).max(1).optional(),
  maxTokens: z.int().min(16).max(64_000).default(1000).describe("of one reply; the vendor wants to be told"),
  ...deadlines({ connectMs: 2000, firstMs: 4000, stallMs: 4000 }),
  prices: tokenPrices,
});

export type AnthropicSettings = z.output<typeof schema>;

/** Anthropic's models. Their library is an optional dependency. */
export const anthropic: ProviderModule<"llm", typeof schema> = {
  stage: "llm",
  name: "anthropic",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (settings, context) => createAnthropic(settings, context),
};

const LIBRARY_MS = 120_000;

/** `load`: where the library comes from. */
export function createAnthropic(
  settings: AnthropicSettings,
  { clock, name: provider = "anthropic" }: ProviderContext,
  load: () => Promise<typeof import("@anthropic-ai/sdk")> = () => import("@anthropic-ai/sdk"),
): LanguageModel {
  const http = openHttp(settings);
  const client = openClient(provider, settings, http, load);
  // Whoever asks for a reply is told.
  client.catch(() => undefined);
  const { firstMs, stallMs, prices, baseUrl } = settings;
  const protocol = (tools: readonly ToolDefinition[]): Protocol<Anthropic.RawMessageStreamEvent> => ({
    ready: client,
    ask: async (prepared, signal) =>
      // Each request brings its own key, so that a rotated one is used from the next one on.
      (await client).messages.create(anthropicBody(prepared, tools, settings), {
        signal,
        headers: { "x-api-key": settings.apiKey.current() },
      }),
    parts: (events, onTokens) => anthropicParts(events, { provider, onTokens }),
  });
  return {
    name: provider,
    connect: ({ signal }) => http.warm(baseUrl, signal),
    reply: (messages, { tools, ...options }) =>
      streamReply(messages, protocol(tools), { provider, clock, firstMs, stallMs, prices, ...options }),
    close: () => http.close(),
  };
}

async function openClient(
  provider: string,
  { baseUrl }: AnthropicSettings,
  http: Http,
  load: () => Promise<typeof import("@anthropic-ai/sdk")>,
): Promise<Anthropic> {
  const { default: Client } = await load().catch((cause: unknown) => {
    if (codeOf(cause) !== "ERR_MODULE_NOT_FOUND") throw cause;
    const told = "its library is not installed; run: npm install @anthropic-ai/sdk";
    throw new ProviderError(provider, "missing", told, { cause });
  });
  return new Client({
    baseURL: baseUrl,
    apiKey: "with each request",
    authToken: null,
    logLevel: "off",
    maxRetries: 0,
    timeout: LIBRARY_MS,
    fetch: http.fetch,
  });
}
