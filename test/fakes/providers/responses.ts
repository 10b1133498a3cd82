import type { FakeAnswer } from "./openai-server.ts";

/** The events of OpenAI's responses API, for one answer. */
export function responseEvents(model: string, { text = "", tools = [], finish }: FakeAnswer): string[] {
  let sequence = 0;
  const event = (type: string, more: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...more })}\n\n`;
  const response = (status: string, more: object = {}) => ({
    response: { id: "resp_1", object: "response", model, status, output: [], usage: null, ...more },
  });
  const words = text.match(/\S+\s*/g) ?? [];
  const message = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const calls = tools.flatMap(({ id, name, arguments: whole }, index) => {
    const place = { item_id: `fc_${index}`, output_index: index + 1 };
    const item = { type: "function_call", id: place.item_id, call_id: id ?? `call_${index}`, name, arguments: "" };
    return [
      event("response.output_item.added", { output_index: place.output_index, item }),
      ...(whole.match(/[\s\S]{1,12}/g) ?? []).map((delta) =>
        event("response.function_call_arguments.delta", { ...place, delta }),
      ),
      event("response.function_call_arguments.done", { ...place, arguments: whole }),
      event("response.output_item.done", { output_index: place.output_index, item: { ...item, arguments: whole } }),
    ];
  });
  const usage = {
    input_tokens: 120,
    input_tokens_details: { cached_tokens: 100 },
    output_tokens: words.length,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 120 + words.length,
  };
  const end =
    finish === undefined
      ? event("response.completed", response("completed", { usage }))
      : event("response.incomplete", response("incomplete", { usage, incomplete_details: { reason: finish } }));
  return [
    event("response.created", response("in_progress")),
    ...words.map((delta) => event("response.output_text.delta", { ...message, delta, logprobs: [] })),
    ...calls,
    end,
  ];
}
