import type { Message, ToolRequest } from "../../conversation/providers.ts";

const NOT_RUN = "This was not done.";
/** Who calls, before the caller has said a word. */
const RINGS = "(The call begins.)";

/** A conversation as every model server takes it. */
export interface Prepared {
  readonly system: string;
  readonly messages: readonly Message[];
}

/**
 * Every tool that was asked for is answered, in the messages right after, and no answer stands without its request: all servers
 * refuse anything else. The caller comes first: several servers, and the templates of many local models, want that.
 */
export function prepare(messages: readonly Message[]): Prepared {
  const system = messages.filter(({ role }) => role === "system").map(({ content }) => content);
  const results = new Map<string, string>();
  for (const { role, toolId, content } of messages) if (role === "tool" && toolId) results.set(toolId, content);
  const told: Message[] = [];
  for (const message of messages) {
    if (message.role === "system" || message.role === "tool") continue;
    if (message.role === "assistant" && told.length === 0) told.push({ role: "user", content: RINGS });
    told.push(message);
    for (const tool of message.tools ?? []) told.push(answerTo(tool, results));
  }
  if (told.length === 0) told.push({ role: "user", content: RINGS });
  return { system: system.join("\n\n"), messages: told };
}

const answerTo = ({ id }: ToolRequest, results: ReadonlyMap<string, string>): Message => ({
  role: "tool",
  toolId: id,
  content: results.get(id) ?? NOT_RUN,
});

/** How many characters a model is sent, for an estimate of what it takes. */
export const charactersOf = ({ system, messages }: Prepared): number =>
  messages.reduce(
    (sum, { content, tools }) => sum + content.length + JSON.stringify(tools ?? "").length,
    system.length,
  );
