import { expect, test } from "vitest";
import type { Message, ReplyPart } from "../../../src/conversation/providers.ts";
import { scriptSchema } from "../../../src/providers/llm/scripted/script.ts";
import { createScripted } from "../../../src/providers/llm/scripted.ts";

const model = createScripted(
  scriptSchema.parse({
    intents: [
      {
        name: "balance",
        phrases: ["what is my balance"],
        keywords: ["balance"],
        slots: [
          { name: "pin", type: "collector", collector: "pin", failed: "Then I cannot tell you." },
          {
            name: "account",
            type: "tool",
            tool: "check_pin",
            input: { pin: "{pin}" },
            failed: "That PIN is not right.",
          },
        ],
        answer: "You have {account.amount} euros.",
      },
    ],
    else: "Pardon?",
  }),
);

async function answer(messages: readonly Message[]): Promise<readonly ReplyPart[]> {
  return await Array.fromAsync(model.reply(messages, { tools: [], signal: new AbortController().signal }));
}

const said = (parts: readonly ReplyPart[]): string =>
  parts.map((part) => (part.type === "text" ? part.text : "")).join("");

test("a script has a collector ask, gives its token to a tool, and answers by what the tool says", async () => {
  const talk: Message[] = [{ role: "user", content: "what is my balance" }];
  const hear = async (result: string): Promise<readonly ReplyPart[]> => {
    const parts = await answer(talk);
    const [tool] = parts;
    if (tool?.type !== "tool") throw new Error("no tool was asked for");
    talk.push({ role: "assistant", content: "", tools: [tool] }, { role: "tool", content: result, toolId: tool.id });
    return parts;
  };
  expect(await hear('{"token":"token-abc"}')).toEqual([
    expect.objectContaining({ name: "collect_digits", input: { collector: "pin" } }),
  ]);
  const before = [...talk];
  expect(await hear('{"amount":12,"owner":"Anna"}')).toEqual([
    expect.objectContaining({ name: "check_pin", input: { pin: "token-abc" } }),
  ]);
  expect(said(await answer(talk))).toBe("You have 1 2 euros.");
  const [first] = before;
  expect(said(await answer([...before, { role: "tool", content: "This failed: 403.", toolId: "2" }]))).toContain(
    "not right",
  );
  expect(
    said(await answer([...(first ? [first] : []), { role: "tool", content: "This failed: no.", toolId: "1" }])),
  ).toContain("cannot tell you");
});
