import { afterAll, beforeAll, expect, test } from "vitest";
import type { Message, ReplyPart, ToolDefinition } from "../../../src/conversation/providers.ts";
import { anthropic, createAnthropic } from "../../../src/providers/llm/anthropic.ts";
import { FakeAnthropic } from "../../fakes/providers/anthropic-server.ts";
import { context } from "../contract/context.ts";
import { describeLanguageModel } from "../contract/llm.ts";
import { describeModelFaults, PATIENT } from "../contract/llm-faults.ts";

const prices = { input: 1, cachedInput: 0.1, output: 10 };
const options = ({ url }: FakeAnthropic, apiKey = "sk-right", more: object = {}) =>
  anthropic.schema.parse({ model: "a-model", baseUrl: url, apiKey, prices, ...PATIENT, ...more });
const create = (server: FakeAnthropic, apiKey?: string, more?: object) =>
  anthropic.create(options(server, apiKey, more), context);

const shared = new FakeAnthropic();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeLanguageModel("anthropic", { create: () => create(shared), question: "When are you open?" });
describeModelFaults("anthropic", { open: () => new FakeAnthropic(), create });

const note: ToolDefinition = { name: "note", description: "Writes something down.", parameters: { type: "object" } };
const asking = { tools: [note], signal: new AbortController().signal };

test("tools and their results are told as this API wants them, and the prompt is kept by the vendor", async () => {
  const server = await new FakeAnthropic().listen();
  server.answer = () => ({ text: "Noted.", tools: [{ id: "toolu_x", name: "note", arguments: '{"text": "nine"}' }] });
  const model = create(server);
  const messages: Message[] = [
    { role: "system", content: "You are kind." },
    { role: "assistant", content: "Good day." },
    { role: "user", content: "Note this." },
    { role: "assistant", content: "", tools: [{ id: "a", name: "note", input: { text: "this" } }] },
    { role: "tool", toolId: "a", content: "Noted." },
  ];
  const parts: ReplyPart[] = [];
  for await (const part of model.reply(messages, asking)) parts.push(part);
  expect(parts).toEqual([
    { type: "text", text: "Noted." },
    { type: "tool", id: "toolu_x", name: "note", input: { text: "nine" } },
  ]);
  const text = (said: string) => [{ type: "text", text: said }];
  expect(server.bodies[0]).toMatchObject({
    system: [{ type: "text", text: "You are kind.", cache_control: { type: "ephemeral" } }],
    tools: [{ name: "note", input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: text("(The call begins.)") },
      { role: "assistant", content: text("Good day.") },
      { role: "user", content: text("Note this.") },
      { role: "assistant", content: [{ type: "tool_use", id: "a", name: "note", input: { text: "this" } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "Noted." }] },
    ],
  });
  expect(server.requests[0]?.headers["x-api-key"]).toBe("sk-right");
  await model.close();
  await server.close();
});

test("where its library is not installed, that is what is said", async () => {
  const missing = () =>
    Promise.reject(Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" }));
  const model = createAnthropic(options(shared), context, missing);
  const ask = async () => {
    for await (const _ of model.reply([{ role: "user", content: "Hello?" }], asking));
  };
  await expect(ask()).rejects.toMatchObject({ code: "missing", message: expect.stringContaining("npm install") });
  await model.close();
});
