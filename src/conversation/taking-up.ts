import type { Course } from "../call/journal.ts";
import type { AgentPrompts } from "./agent.ts";
import { COLLECT } from "./collector.ts";
import { REPLY_KINDS, type ReplyKind } from "./exchange.ts";
import type { History } from "./history.ts";
import type { ConversationObserver } from "./observer.ts";
import type { ToolRequest } from "./providers.ts";
import type { Tongue } from "./tongue.ts";

/**
 * How an interrupted conversation goes on. `say`: the sentence that was cut, or a word to a caller who was speaking.
 * `answer`: what was asked is answered, with `text` said first. `ask`: digits are asked for anew, of which nothing was kept.
 */
export type TakingUp =
  | { readonly type: "say"; readonly kind: ReplyKind; readonly text: string; readonly tools: readonly ToolRequest[] }
  | { readonly type: "answer"; readonly text: string; readonly question: string }
  | { readonly type: "ask"; readonly tools: readonly ToolRequest[] };

// A tool may have done its work when the worker died, or not: it is not run twice, and the model is told so.
const UNKNOWN = "The line was interrupted: whether this was done is unknown.";

/** Tells the history what was said before the interruption, and finds out what is to be said after it. */
export function takeUp(
  course: Course,
  history: History,
  prompts: AgentPrompts,
  returned?: { readonly result: string; readonly text: string },
): TakingUp {
  const open = new Map<string, ToolRequest>();
  for (const message of course.history) {
    if (message.role === "caller") history.caller(message.text);
    else if (message.role === "agent") {
      history.agent(message.text, message.tools);
      for (const tool of message.tools) open.set(tool.id, tool);
    } else {
      const request = open.get(message.id);
      if (request) history.tool(request, message.result);
      open.delete(message.id);
    }
  }
  const asking = returned ? [] : [...open.values()].filter(({ name }) => name === COLLECT).slice(0, 1);
  for (const request of open.values())
    if (!asking.includes(request)) history.tool(request, returned?.result ?? UNKNOWN);
  // Nothing was interrupted: the call was away, on purpose, and is back.
  if (returned) return { type: "say", kind: "prompt", text: returned.text, tools: [] };
  const { interrupted, asISaid, goOn } = prompts;
  const { cut } = course;
  if (cut) {
    history.agent(cut.pieces.slice(0, cut.at).join(" "));
    const rest = cut.pieces.slice(cut.at).join(" ");
    const text = rest === "" ? `${interrupted} ${goOn}` : `${interrupted} ${asISaid} ${rest}`;
    return { type: "say", kind: kindOf(cut.kind), text, tools: cut.tools };
  }
  if (asking.length > 0) return { type: "ask", tools: asking };
  if (course.asked !== "") return { type: "answer", text: interrupted, question: course.asked };
  if (open.size > 0) return { type: "answer", text: interrupted, question: "" };
  // Keys that the caller had begun to press are not asked for again.
  history.caller(course.keys);
  return { type: "say", kind: "prompt", text: `${interrupted} ${goOn}`, tools: [] };
}

/** The call goes on in the language that it was in: before anything is said or heard. */
export function inheritLanguage({
  before,
  tongue,
  observer,
}: {
  readonly before?: Pick<Course, "language">;
  readonly tongue?: Tongue;
  readonly observer: Pick<ConversationObserver, "language">;
}): void {
  const language = before?.language;
  if (language !== undefined && tongue?.inherit(language)) observer.language?.(language);
}

const kindOf = (told: string): ReplyKind => REPLY_KINDS.find((kind) => kind === told) ?? "prompt";
