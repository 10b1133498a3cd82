import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LanguageModel, Message, ReplyPart } from "../../../src/conversation/providers.ts";

/** What every model must do, given a question that it has an answer to. */
export function describeLanguageModel(
  name: string,
  { create, question }: { create: () => LanguageModel; question: string },
): void {
  describe(`${name} as a model`, () => {
    let model: LanguageModel;
    beforeAll(() => {
      model = create();
    });
    afterAll(() => model.close());

    const reply = async (messages: readonly Message[], signal = new AbortController().signal): Promise<ReplyPart[]> => {
      const parts: ReplyPart[] = [];
      for await (const part of model.reply(messages, { tools: [], signal })) parts.push(part);
      return parts;
    };
    const textOf = (parts: readonly ReplyPart[]) =>
      parts.map((part) => (part.type === "text" ? part.text : "")).join("");

    test("a question is answered in words", async () => {
      expect(textOf(await reply([{ role: "user", content: question }])).trim()).not.toBe("");
    });

    test("a reply that is not wanted any more ends quietly", async () => {
      expect(await reply([{ role: "user", content: question }], AbortSignal.abort())).toEqual([]);
    });

    test("a reply that is left in the middle leaves nothing behind: the next one is whole", async () => {
      const over = new AbortController();
      for await (const _ of model.reply([{ role: "user", content: question }], { tools: [], signal: over.signal }))
        break;
      over.abort();
      expect(textOf(await reply([{ role: "user", content: question }])).trim()).not.toBe("");
    });
  });
}
