import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Message, ReplyPart, ToolDefinition, Usage } from "../../../src/conversation/providers.ts";
import { piecesOf } from "../../../src/conversation/warm.ts";
import { openai } from "../../../src/providers/llm/openai.ts";
import { type FakeAnswer, FakeOpenAi } from "../../fakes/providers/openai-server.ts";
import { context } from "../contract/context.ts";
import { describeLanguageModel } from "../contract/llm.ts";
import { describeModelFaults, PATIENT } from "../contract/llm-faults.ts";

const prices = { input: 1, cachedInput: 0.1, output: 10 };
const create = ({ baseUrl }: FakeOpenAi, apiKey = "sk-right", more: object = {}) =>
  openai.create(openai.schema.parse({ model: "a-model", baseUrl, apiKey, prices, ...PATIENT, ...more }), context);

const shared = new FakeOpenAi();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeLanguageModel("openai (chat)", { create: () => create(shared), question: "When are you open?" });
describeModelFaults("openai (chat)", { open: () => new FakeOpenAi(), create });

const note: ToolDefinition = {
  name: "note",
  description: "Writes something down.",
  parameters: { type: "object", properties: { text: { type: "string" } } },
};

async function reply(
  answer: FakeAnswer,
  messages: readonly Message[] = [{ role: "user", content: "Hello?" }],
  more = {},
) {
  shared.answer = () => answer;
  const model = create(shared, "sk-right", more);
  const parts: ReplyPart[] = [];
  const usages: Usage[] = [];
  const options = {
    tools: [note],
    signal: new AbortController().signal,
    onUsage: (usage: Usage) => usages.push(usage),
  };
  try {
    for await (const part of model.reply(messages, options)) parts.push(part);
  } finally {
    await model.close();
  }
  const tools = parts.filter((part) => part.type === "tool");
  return { text: parts.map((part) => (part.type === "text" ? part.text : "")).join(""), tools, usages };
}
const said = (body: number = -1) => shared.bodies.at(body);

describe("what an OpenAI-compatible model is asked, and what comes of it", () => {
  const { answer } = shared;
  afterEach(() => {
    shared.answer = answer;
  });

  test("the words come as they are written, and are billed by the price list", async () => {
    const { text, usages } = await reply({ text: "We are open until six." });
    expect(piecesOf(text)).toEqual(["We are open until six."]);
    // 20 new and 100 kept tokens in, 5 out.
    expect(usages).toEqual([
      { provider: "openai", inputTokens: 120, cachedTokens: 100, outputTokens: 5, cost: (20 + 10 + 50) / 1e6 },
    ]);
  });

  test("tools that are streamed in pieces arrive whole, several at once", async () => {
    const { tools, text } = await reply({
      text: "One moment.",
      tools: [
        { id: "a", name: "note", arguments: '{"text": "wants a call back at nine, \\"sharp\\""}' },
        { id: "b", name: "note", arguments: "" },
      ],
    });
    expect(text).toBe("One moment.");
    expect(tools).toEqual([
      { type: "tool", id: "a", name: "note", input: { text: 'wants a call back at nine, "sharp"' } },
      { type: "tool", id: "b", name: "note", input: {} },
    ]);
  });

  test.each(['{"text": "a', "[1, 2]", "nothing"])(
    "an input that cannot be read (%s) is for the model to mend",
    async (input) => {
      const { tools } = await reply({ tools: [{ name: "note", arguments: input }] });
      expect(tools).toEqual([
        expect.objectContaining({ name: "note", input: {}, fault: expect.stringMatching(/JSON/) }),
      ]);
    },
  );

  test("a model that writes for ever into one tool is stopped", async () => {
    const endless = { tools: [{ name: "note", arguments: `{"text": "${"na ".repeat(20_000)}` }] };
    await expect(reply(endless)).rejects.toMatchObject({ code: "protocol" });
  });

  test("what a filter cut off is a refusal, and not the answer", async () => {
    await expect(reply({ text: "I", finish: "content_filter" })).rejects.toMatchObject({ code: "refused" });
  });

  test("nobody hears a reasoning model's thoughts", async () => {
    const thoughtful = { reasoning: "They ask. ", text: "<think>Hm, six? Or seven. </think>\n\nUntil six." };
    expect((await reply(thoughtful)).text).toBe("Until six.");
    expect((await reply({ text: "<b>Six</b> it is." })).text).toBe("<b>Six</b> it is.");
  });

  test("the conversation so far is told with its tools and what became of them, also of those that were not run", async () => {
    const messages: Message[] = [
      { role: "system", content: "You are kind." },
      { role: "assistant", content: "Good day." },
      { role: "user", content: "Note this." },
      {
        role: "assistant",
        content: "",
        tools: [
          { id: "a", name: "note", input: { text: "this" } },
          { id: "b", name: "note", input: {} },
        ],
      },
      { role: "tool", toolId: "a", content: "Noted." },
      { role: "tool", toolId: "of another time", content: "?" },
      { role: "user", content: "Thanks." },
    ];
    await reply({ text: "Gladly." }, messages);
    const call = (id: string, input: string) => ({
      id,
      type: "function",
      function: { name: "note", arguments: input },
    });
    expect(said()).toMatchObject({ model: "a-model", stream: true, tools: [{ type: "function", function: note }] });
    expect(said()?.messages).toEqual([
      { role: "system", content: "You are kind." },
      { role: "user", content: "(The call begins.)" },
      { role: "assistant", content: "Good day." },
      { role: "user", content: "Note this." },
      { role: "assistant", content: null, tool_calls: [call("a", '{"text":"this"}'), call("b", "{}")] },
      { role: "tool", tool_call_id: "a", content: "Noted." },
      { role: "tool", tool_call_id: "b", content: "This was not done." },
      { role: "user", content: "Thanks." },
    ]);
  });

  test("what is set goes along, and nothing else", async () => {
    await reply({ text: "Yes." }, undefined, { temperature: 0.2, maxTokens: 200, reasoningEffort: "low" });
    expect(said()).toMatchObject({ temperature: 0.2, max_tokens: 200, reasoning_effort: "low" });
    await reply({ text: "Yes." });
    expect(Object.keys(said() ?? {}).sort()).toEqual(["messages", "model", "stream", "stream_options", "tools"]);
  });

  test("text goes to the vendor, or to whom the URL names, or to nobody", () => {
    const leaves = (more: object) => openai.leavesHost(openai.schema.parse({ model: "m", ...more }));
    expect(leaves({})).toBe("api.openai.com");
    expect(leaves({ baseUrl: "http://gpu.example:8000/v1/" })).toBe("gpu.example:8000");
    expect(leaves({ baseUrl: "http://127.0.0.1:11434/v1" })).toBeUndefined();
    expect(openai.schema.safeParse({ model: "m", baseUrl: "https://me:key@example.com/v1?key=k" }).success).toBe(false);
  });

  test("a connection that was opened at ring is the one that the first question goes through", async () => {
    const server = await new FakeOpenAi().listen();
    const model = create(server);
    const { signal } = new AbortController();
    await model.connect?.({ signal });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    for await (const _ of model.reply([{ role: "user", content: "Hello?" }], { tools: [], signal }));
    expect(server.connections).toBe(1);
    await model.close();
    await server.close();
  });
});
