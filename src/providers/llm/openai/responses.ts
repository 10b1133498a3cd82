import type OpenAI from "openai";
import type { Message, ReplyPart, ToolDefinition } from "../../../conversation/providers.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { Tokens } from "../bill.ts";
import type { Prepared } from "../messages.ts";
import { ToolCalls } from "../tool-calls.ts";
import type { Settings } from "./settings.ts";

type Body = OpenAI.Responses.ResponseCreateParamsStreaming;
type Event = OpenAI.Responses.ResponseStreamEvent;
type Item = OpenAI.Responses.ResponseInputItem;

/** The vendor's newer API. Nothing of a call is kept there: the whole conversation goes along each time. */
export function responsesBody(
  { system, messages }: Prepared,
  tools: readonly ToolDefinition[],
  settings: Settings,
): Body {
  const { model, temperature, maxTokens, reasoningEffort } = settings;
  return {
    model,
    input: messages.flatMap(itemsOf),
    stream: true,
    store: false,
    ...(system !== "" && { instructions: system }),
    ...(tools.length > 0 && { tools: tools.map(toolOf) }),
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { max_output_tokens: maxTokens }),
    ...(reasoningEffort !== undefined && { reasoning: { effort: reasoningEffort } }),
  };
}

function itemsOf({ role, content, tools = [], toolId = "" }: Message): Item[] {
  if (role === "tool") return [{ type: "function_call_output", call_id: toolId, output: content }];
  if (role !== "assistant") return [{ role: "user", content }];
  const calls = tools.map(({ id, name, input }) => ({
    type: "function_call" as const,
    call_id: id,
    name,
    arguments: JSON.stringify(input),
  }));
  return content === "" ? calls : [{ role, content }, ...calls];
}

// Their inputs are what tools of other people accept: not every schema fits what "strict" asks for.
const toolOf = ({ name, description, parameters }: ToolDefinition): OpenAI.Responses.FunctionTool => ({
  type: "function",
  name,
  description,
  parameters: { ...parameters },
  strict: false,
});

/** The parts of a reply, out of the server's events; ends when it says that it is complete. */
export async function* responsesParts(
  events: AsyncIterable<Event>,
  { provider, onTokens }: { provider: string; onTokens: (tokens: Tokens) => void },
): AsyncGenerator<ReplyPart, void, undefined> {
  const calls = new ToolCalls(provider);
  let whole = false;
  let said = false;
  for await (const event of events) {
    if (event.type === "response.output_text.delta" && event.delta !== "") {
      said = true;
      yield { type: "text", text: event.delta };
    } else if (event.type === "response.refusal.delta") {
      throw new ProviderError(provider, "refused", "the model refused to answer");
    } else if (event.type === "error" || event.type === "response.failed") {
      throw failed(provider, event);
    } else if (event.type === "response.completed" || event.type === "response.incomplete") {
      whole = true;
      const { usage, incomplete_details: why } = event.response;
      if (usage) onTokens(tokensOf(usage));
      if (why?.reason === "content_filter")
        throw new ProviderError(provider, "refused", "the provider's filter cut the answer");
    } else collect(calls, event);
  }
  if (!whole) throw new ProviderError(provider, "protocol", "the answer stopped before its end");
  for (const request of calls.requests()) yield { type: "tool", ...request };
  if (!said && calls.size === 0) throw new ProviderError(provider, "protocol", "an empty reply");
}

function collect(calls: ToolCalls, event: Event): void {
  if (event.type === "response.output_item.added" && event.item.type === "function_call")
    calls.add(String(event.output_index), { id: event.item.call_id, name: event.item.name });
  else if (event.type === "response.function_call_arguments.delta")
    calls.add(String(event.output_index), { input: event.delta });
  else if (event.type === "response.function_call_arguments.done")
    calls.complete(String(event.output_index), { input: event.arguments });
}

type Failed = OpenAI.Responses.ResponseErrorEvent | OpenAI.Responses.ResponseFailedEvent;

function failed(provider: string, event: Failed): ProviderError {
  const { code, message } = event.type === "error" ? event : (event.response.error ?? { code: "", message: "" });
  const overloaded = /rate_limit|overloaded|quota/.test(code ?? "");
  return new ProviderError(provider, overloaded ? "overloaded" : "unreachable", message.slice(0, 300) || "it failed");
}

const tokensOf = ({ input_tokens, output_tokens, input_tokens_details }: OpenAI.Responses.ResponseUsage): Tokens => ({
  input: input_tokens,
  output: output_tokens,
  cached: input_tokens_details?.cached_tokens ?? 0,
});
