import { afterAll, beforeAll, expect, test } from "vitest";
import type { Message, ReplyPart, ToolDefinition } from "../../../src/conversation/providers.ts";
import { openai } from "../../../src/providers/llm/openai.ts";
import { FakeOpenAi } from "../../fakes/providers/openai-server.ts";
import { context } from "../contract/context.ts";
import { describeLanguageModel } from "../contract/llm.ts";
import { describeModelFaults, PATIENT } from "../contract/llm-faults.ts";

const prices = { input: 1, cachedInput: 0.1, output: 10 };
const create = ({ baseUrl }: FakeOpenAi, apiKey = "sk-right", more: object = {}) =>
  openai.create(
    openai.schema.parse({ model: "a-model", api: "responses", baseUrl, apiKey, prices, ...PATIENT, ...more }),
    context,
  );

const shared = new FakeOpenAi();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeLanguageModel("openai (responses)", { create: () => create(shared), question: "When are you open?" });
describeModelFaults("openai (responses)", { open: () => new FakeOpenAi(), create });

const note: ToolDefinition = { name: "note", description: "Writes something down.", parameters: { type: "object" } };

test("tools and their results are told as this API wants them, and nothing is kept at the vendor's", async () => {
  const server = await new FakeOpenAi().listen();
  server.answer = () => ({ tools: [{ id: "x", name: "note", arguments: '{"text": "at nine o\'clock"}' }] });
  const model = create(server);
  const messages: Message[] = [
    { role: "system", content: "You are kind." },
    { role: "user", content: "Note this." },
    { role: "assistant", content: "Yes.", tools: [{ id: "a", name: "note", input: { text: "this" } }] },
    { role: "tool", toolId: "a", content: "Noted." },
  ];
  const parts: ReplyPart[] = [];
  const asking = { tools: [note], signal: new AbortController().signal };
  for await (const part of model.reply(messages, asking)) parts.push(part);
  expect(parts).toEqual([{ type: "tool", id: "x", name: "note", input: { text: "at nine o'clock" } }]);
  expect(server.bodies[0]).toMatchObject({
    store: false,
    instructions: "You are kind.",
    input: [
      { role: "user", content: "Note this." },
      { role: "assistant", content: "Yes." },
      { type: "function_call", call_id: "a", name: "note", arguments: '{"text":"this"}' },
      { type: "function_call_output", call_id: "a", output: "Noted." },
    ],
    tools: [{ type: "function", ...note, strict: false }],
  });
  await model.close();
  await server.close();
});
