import type OpenAI from "openai";
import type { LanguageModel, Message, ReplyPart, ToolDefinition } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import { type Http, openHttp } from "../http.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { chatBody, chatParts } from "./openai/chat.ts";
import { openClient } from "./openai/client.ts";
import { responsesBody, responsesParts } from "./openai/responses.ts";
import { type Settings, schema } from "./openai/settings.ts";
import { type Protocol, type ReplyOptions, streamReply } from "./stream.ts";

/** OpenAI, and every server that speaks its protocol. */
export const openai: ProviderModule<"llm", typeof schema> = {
  stage: "llm",
  name: "openai",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (settings, context) => new OpenAiModel(settings, context),
};

class OpenAiModel implements LanguageModel {
  readonly name: string;
  readonly #settings: Settings;
  readonly #context: ProviderContext;
  readonly #http: Http;
  readonly #client: Promise<OpenAI>;

  constructor(settings: Settings, context: ProviderContext) {
    this.name = context.name ?? "openai";
    this.#settings = settings;
    this.#context = context;
    this.#http = openHttp(settings);
    this.#client = openClient(settings, this.#http);
    // Whoever asks for a reply is told.
    this.#client.catch(() => undefined);
  }

  connect({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#http.warm(this.#settings.baseUrl, signal);
  }

  reply(messages: readonly Message[], { tools, ...options }: ReplyOptions): AsyncIterable<ReplyPart> {
    const { firstMs, stallMs, prices } = this.#settings;
    const asking = { provider: this.name, clock: this.#context.clock, firstMs, stallMs, prices };
    return this.#settings.api === "chat"
      ? streamReply(messages, this.#chat(tools), { ...asking, ...options })
      : streamReply(messages, this.#responses(tools), { ...asking, ...options });
  }

  #chat(tools: readonly ToolDefinition[]): Protocol<OpenAI.ChatCompletionChunk> {
    const provider = this.name;
    return {
      ready: this.#client,
      ask: async (prepared, signal) =>
        (await this.#client).chat.completions.create(chatBody(prepared, tools, this.#settings), { signal }),
      parts: (chunks, onTokens) => chatParts(chunks, { provider, onTokens }),
    };
  }

  #responses(tools: readonly ToolDefinition[]): Protocol<OpenAI.Responses.ResponseStreamEvent> {
    const provider = this.name;
    return {
      ready: this.#client,
      ask: async (prepared, signal) =>
        (await this.#client).responses.create(responsesBody(prepared, tools, this.#settings), { signal }),
      parts: (events, onTokens) => responsesParts(events, { provider, onTokens }),
    };
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}
