import type Anthropic from "@anthropic-ai/sdk";
import type { Message, ReplyPart, ToolDefinition } from "../../../conversation/providers.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { Tokens } from "../bill.ts";
import type { Prepared } from "../messages.ts";
import { ToolCalls } from "../tool-calls.ts";

type Body = Anthropic.MessageCreateParamsStreaming;
type Block = Anthropic.ContentBlockParam;
type Event = Anthropic.RawMessageStreamEvent;

interface Settings {
  readonly model: string;
  readonly maxTokens: number;
  readonly temperature?: number | undefined;
}

/** The messages API. Prompt and tools are the same in every turn of a call: the vendor is asked to keep them. */
export function anthropicBody(
  { system, messages }: Prepared,
  tools: readonly ToolDefinition[],
  settings: Settings,
): Body {
  const { model, maxTokens, temperature } = settings;
  return {
    model,
    max_tokens: maxTokens,
    messages: messages.flatMap(messageOf),
    stream: true,
    ...(system !== "" && { system: [{ type: "text", text: system, cache_control: { type: "ephemeral" } }] }),
    ...(tools.length > 0 && { tools: tools.map(toolOf) }),
    ...(temperature !== undefined && { temperature }),
  };
}

const toolOf = ({ name, description, parameters }: ToolDefinition): Anthropic.Tool => ({
  name,
  description,
  input_schema: { ...parameters, type: "object" },
});

/** Messages of one role in a row are one to the server: results of tools need not be put together. Empty ones are refused. */
function messageOf({ role, content, tools = [], toolId = "" }: Message): Anthropic.MessageParam[] {
  if (role === "tool") return [{ role: "user", content: [{ type: "tool_result", tool_use_id: toolId, content }] }];
  const blocks: Block[] = [
    ...(content.trim() === "" ? [] : [{ type: "text" as const, text: content }]),
    ...tools.map(({ id, name, input }) => ({ type: "tool_use" as const, id, name, input })),
  ];
  return blocks.length === 0 ? [] : [{ role: role === "assistant" ? "assistant" : "user", content: blocks }];
}

/** The parts of a reply, out of the server's events; ends when it says that it is complete. */
export async function* anthropicParts(
  events: AsyncIterable<Event>,
  { provider, onTokens }: { provider: string; onTokens: (tokens: Tokens) => void },
): AsyncGenerator<ReplyPart, void, undefined> {
  const calls = new ToolCalls(provider);
  let tokens: Tokens = { input: 0, output: 0 };
  let stopped: string | undefined;
  let whole = false;
  let said = false;
  for await (const event of events) {
    if (event.type === "message_start") tokens = tokensOf(event.message.usage);
    else if (event.type === "message_stop") whole = true;
    else if (event.type === "message_delta") {
      stopped = event.delta.stop_reason ?? stopped;
      onTokens({ ...tokens, output: event.usage.output_tokens });
    } else if (event.type === "content_block_start" && event.content_block.type === "tool_use")
      calls.add(String(event.index), { id: event.content_block.id, name: event.content_block.name });
    else if (event.type === "content_block_delta" && event.delta.type === "input_json_delta")
      calls.add(String(event.index), { input: event.delta.partial_json });
    else if (event.type === "content_block_delta" && event.delta.type === "text_delta" && event.delta.text !== "") {
      said = true;
      yield { type: "text", text: event.delta.text };
    }
  }
  if (!whole) throw new ProviderError(provider, "protocol", "the answer stopped before its end");
  if (stopped === "refusal") throw new ProviderError(provider, "refused", "the model refused to answer");
  for (const request of calls.requests()) yield { type: "tool", ...request };
  if (!said && calls.size === 0) throw new ProviderError(provider, "protocol", "an empty reply");
}

/** The vendor counts what it has kept, and what it keeps from now on, apart from the rest of the input. */
function tokensOf(usage: Anthropic.Usage): Tokens {
  const cached = usage.cache_read_input_tokens ?? 0;
  return {
    input: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
    cached,
    output: usage.output_tokens,
  };
}
