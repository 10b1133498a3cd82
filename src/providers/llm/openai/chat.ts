import type OpenAI from "openai";
import type { Message, ReplyPart, ToolDefinition } from "../../../conversation/providers.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { Tokens } from "../bill.ts";
import type { Prepared } from "../messages.ts";
import { Thoughts } from "../thoughts.ts";
import { ToolCalls } from "../tool-calls.ts";
import type { Settings } from "./settings.ts";

type Body = OpenAI.ChatCompletionCreateParamsStreaming;
type Chunk = OpenAI.ChatCompletionChunk;

/** Chat completions: what every OpenAI-compatible server speaks. */
export function chatBody(prepared: Prepared, tools: readonly ToolDefinition[], settings: Settings): Body {
  const { model, temperature, maxTokens, reasoningEffort, baseUrl } = settings;
  // The vendor has renamed it, and refuses the old name for its newer models; the local servers know the old one.
  const limit = new URL(baseUrl).hostname === "api.openai.com" ? "max_completion_tokens" : "max_tokens";
  return {
    model,
    messages: [...systemOf(prepared), ...prepared.messages.map(messageOf)],
    stream: true,
    stream_options: { include_usage: true },
    ...(tools.length > 0 && { tools: tools.map(toolOf) }),
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { [limit]: maxTokens }),
    ...(reasoningEffort !== undefined && { reasoning_effort: reasoningEffort }),
  };
}

const systemOf = ({ system }: Prepared): OpenAI.ChatCompletionMessageParam[] =>
  system === "" ? [] : [{ role: "system", content: system }];

function messageOf({ role, content, tools, toolId }: Message): OpenAI.ChatCompletionMessageParam {
  if (role === "tool") return { role, content, tool_call_id: toolId ?? "" };
  if (role !== "assistant") return { role: "user", content };
  if (!tools) return { role, content };
  const calls = tools.map(({ id, name, input }) => ({
    id,
    type: "function" as const,
    function: { name, arguments: JSON.stringify(input) },
  }));
  return { role, content: content === "" ? null : content, tool_calls: calls };
}

const toolOf = ({ name, description, parameters }: ToolDefinition): OpenAI.ChatCompletionTool => ({
  type: "function",
  function: { name, description, parameters: { ...parameters } },
});

/** The parts of a reply, out of the server's chunks; ends when it says that it is complete. */
export async function* chatParts(
  chunks: AsyncIterable<Chunk>,
  { provider, onTokens }: { provider: string; onTokens: (tokens: Tokens) => void },
): AsyncGenerator<ReplyPart, void, undefined> {
  const calls = new ToolCalls(provider);
  const thoughts = new Thoughts();
  const keys = new Map<number, string>();
  let finish: string | undefined;
  let said = false;
  for await (const chunk of chunks) {
    if (chunk.usage) onTokens(tokensOf(chunk.usage));
    // Some servers send chunks without choices: usage, and the reports of a filter.
    const choice = chunk.choices?.[0];
    if (!choice) continue;
    finish = choice.finish_reason ?? finish;
    const text = thoughts.push(choice.delta?.content ?? "");
    if (text !== "") {
      said = true;
      yield { type: "text", text };
    }
    const pieces = choice.delta?.tool_calls ?? [];
    for (const call of pieces) addCall(calls, keys, call);
    // A long input is written for seconds without a word: whoever waits sees that it is.
    if (text === "" && pieces.length > 0) yield { type: "text", text: "" };
  }
  const rest = thoughts.end();
  if (rest !== "") yield { type: "text", text: rest };
  if (finish === undefined) throw new ProviderError(provider, "protocol", "the answer stopped before its end");
  if (finish === "content_filter") throw new ProviderError(provider, "refused", "the provider's filter cut the answer");
  for (const request of calls.requests()) yield { type: "tool", ...request };
  if (!said && rest.trim() === "" && calls.size === 0) throw new ProviderError(provider, "protocol", "an empty reply");
}

type CallPiece = OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall;

/** Calls are told apart by their index; some servers give all of them the same, and another id. */
function addCall(calls: ToolCalls, keys: Map<number, string>, { index = 0, id, function: piece }: CallPiece): void {
  const known = keys.get(index);
  const key = known === undefined || (id && id !== known) ? id || String(index) : known;
  keys.set(index, key);
  calls.add(key, { id, name: piece?.name, input: piece?.arguments ?? "" });
}

const tokensOf = ({ prompt_tokens, completion_tokens, prompt_tokens_details }: OpenAI.CompletionUsage): Tokens => ({
  input: prompt_tokens ?? 0,
  output: completion_tokens ?? 0,
  cached: prompt_tokens_details?.cached_tokens ?? 0,
});
