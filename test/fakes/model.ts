import type { Clock } from "../../src/base/clock.ts";
import type { LanguageModel, Message, ReplyPart, ToolDefinition, Usage } from "../../src/conversation/providers.ts";

export type Answer = string | readonly ReplyPart[] | Error | "hang";

/** A model that answers by a function of the messages, word by word, after `firstMs`. */
export class FakeModel implements LanguageModel {
  readonly name = "fake";
  readonly #clock: Clock;
  /** Every request's messages. */
  readonly asked: (readonly Message[])[] = [];
  tools: readonly ToolDefinition[] = [];
  firstMs = 0;
  partMs = 0;
  /** Whether it says what it took, also of a reply that was given up. */
  bills = false;
  answer: (question: string, messages: readonly Message[]) => Answer = (question) => `You said ${question}.`;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async *reply(
    messages: readonly Message[],
    {
      tools,
      signal,
      onUsage,
    }: { tools: readonly ToolDefinition[]; signal: AbortSignal; onUsage?: (usage: Usage) => void },
  ): AsyncGenerator<ReplyPart> {
    this.asked.push(messages);
    this.tools = tools;
    try {
      if (this.firstMs > 0) await this.#clock.sleep(this.firstMs, signal);
      const answer = this.answer(messages.findLast(({ role }) => role === "user")?.content ?? "", messages);
      if (answer === "hang") await new Promise((_, reject) => signal.addEventListener("abort", reject, { once: true }));
      if (answer instanceof Error) throw answer;
      const parts =
        typeof answer === "string" ? answer.split(/(?<= )/).map((text) => ({ type: "text", text }) as const) : answer;
      for (const part of parts as readonly ReplyPart[]) {
        if (this.partMs > 0) await this.#clock.sleep(this.partMs, signal);
        yield part;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (this.bills) onUsage?.({ provider: this.name, inputTokens: 10, outputTokens: 5 });
    }
  }

  async close(): Promise<void> {}
}
