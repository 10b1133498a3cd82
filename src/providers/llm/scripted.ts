import { z } from "zod";
import { OUTCOME_TOOL } from "../../conversation/outcome.ts";
import { type LanguageModel, type Message, ProviderError, type ReplyPart } from "../../conversation/providers.ts";
import { SAY } from "../../conversation/transfer.ts";
import type { ProviderModule } from "../module.ts";
import { type Known, type Reply, replyTo } from "./scripted/dialogue.ts";
import { createMatcher } from "./scripted/match.ts";
import { scriptedOutcome } from "./scripted/outcome.ts";
import { saidWords } from "./scripted/said-words.ts";
import { type Script, scriptSchema } from "./scripted/script.ts";

// The script stands in the agent file, and comes with it: one provider serves one agent.
const schema = z.strictObject({
  script: scriptSchema.optional().describe("Comes from the agent file."),
  language: z.string().min(2).max(35).describe("Comes from the agent file.").default("en"),
});

/** Answers from the agent's file: no key, no cloud, the same answer to the same words every time. */
export const scripted: ProviderModule<"llm", typeof schema> = {
  stage: "llm",
  name: "scripted",
  schema,
  leavesHost: () => undefined,
  create: ({ script, language }) => {
    if (!script)
      throw new ProviderError(
        "scripted",
        "missing",
        "the agent has no script; write one into the agent file, or name another llm",
      );
    return createScripted(script, language);
  },
};

export function createScripted(script: Script, language = "en"): LanguageModel {
  const known: Known = { script, match: createMatcher(script, language), language };
  return {
    name: "scripted",
    async *reply(messages, { tools, signal }) {
      const last = messages.at(-1);
      if (signal.aborted || !last) return;
      const form = tools.find(({ name }) => name === OUTCOME_TOOL);
      if (form) {
        // The last message asks for it, and is none of the caller's.
        yield scriptedOutcome(form, messages.slice(0, -1), known);
        return;
      }
      const reply = last.role === "user" || last.role === "tool" ? replyTo(messages, known) : undefined;
      if (!reply && last.role === "tool") {
        // A sentence that the tool has ready.
        if (last.content.startsWith(SAY)) yield { type: "text", text: last.content.slice(SAY.length) };
        else if (/\b(fail|failed|error|refused|unknown)\b/i.test(last.content))
          yield { type: "text", text: saidWords(language).failed };
        return;
      }
      if (!reply) return;
      for (const part of partsOf(reply, messages)) {
        if (signal.aborted) return;
        yield part;
      }
    },
    close: async () => {},
  };
}

/** The text clause by clause, so that the voice can begin with the first; then what is to be done. */
function* partsOf({ text, action, tool, intent }: Reply, messages: readonly Message[]): Generator<ReplyPart> {
  for (const clause of text.match(/[^,.;:?!]+[,.;:?!]*\s*/g) ?? (text === "" ? [] : [text]))
    yield { type: "text", text: clause };
  const id = `script-${messages.length}`;
  if (tool) yield { type: "tool", id, ...tool };
  else if (action && "transfer" in action) {
    const { transfer: target, reason = intent ?? "", warm } = action;
    yield { type: "tool", id, name: "transfer", input: { target, reason, ...(warm !== undefined && { warm }) } };
  } else if (action) yield { type: "tool", id, name: "hang_up", input: {} };
}
