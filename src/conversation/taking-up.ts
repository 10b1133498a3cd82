import type { Course } from "../call/journal.ts";
import type { AgentPrompts } from "./agent.ts";
import { COLLECT } from "./collector.ts";
import { REPLY_KINDS, type ReplyKind } from "./exchange.ts";
import type { History } from "./history.ts";
import type { ConversationObserver } from "./observer.ts";
import type { ToolRequest } from "./providers.ts";
import type { Tongue } from "./tongue.ts";
import type { Tool } from "./tools.ts";

/**
 * How an interrupted conversation goes on. `say`: the sentence that was cut, or a word to a caller who was speaking.
 * `answer`: what was asked is answered, with `text` said first. `ask`: digits are asked for anew, of which nothing was kept.
 */
export type TakingUp =
  | { readonly type: "say"; readonly kind: ReplyKind; readonly text: string; readonly tools: readonly ToolRequest[] }
  | { readonly type: "answer"; readonly text: string; readonly question: string }
  | { readonly type: "ask"; readonly tools: readonly ToolRequest[] };

// A tool may have done its work when the worker died, or not: it is not run twice, unless it says that it may be, and the model is
// told so.
const UNKNOWN = "The line was interrupted: whether this was done is unknown.";

export interface TakingUpOptions {
  /** The call was away, on purpose, and is back: what the model is told of it, and the caller. */
  readonly returned?: { readonly result: string; readonly text: string };
  readonly tools?: readonly Pick<Tool, "definition" | "repeatable">[];
}

/** Tells the history what was said before the interruption, and finds out what is to be said after it. */
export function takeUp(
  course: Course,
  history: History,
  prompts: AgentPrompts,
  { returned, tools = [] }: TakingUpOptions = {},
): TakingUp {
  const { cut, asked } = course;
  const { open, overtaken } = openIn(course);
  const interrupted = !returned && !cut && asked === "";
  const isRepeatable = ({ name }: ToolRequest): boolean =>
    interrupted && tools.some(({ definition, repeatable }) => definition.name === name && repeatable === true);
  const repeated = [...open.values()].filter(isRepeatable);
  recall(course, history, (request) => !repeated.includes(request) && !overtaken.has(request));
  const asking = returned ? [] : [...open.values()].filter(({ name }) => name === COLLECT).slice(0, 1);
  for (const request of open.values())
    if (!asking.includes(request) && !repeated.includes(request)) history.tool(request, returned?.result ?? UNKNOWN);
  // Nothing was interrupted: the call was away, on purpose, and is back.
  if (returned) return { type: "say", kind: "prompt", text: returned.text, tools: [] };
  if (cut) {
    history.agent(cut.pieces.slice(0, cut.at).join(" "));
    const rest = cut.pieces.slice(cut.at).join(" ");
    const said = rest === "" ? prompts.goOn : `${prompts.asISaid} ${rest}`;
    return { type: "say", kind: kindOf(cut.kind), text: `${prompts.interrupted} ${said}`, tools: cut.tools };
  }
  if (asking.length > 0) return { type: "ask", tools: asking };
  if (asked !== "") return { type: "answer", text: prompts.interrupted, question: asked };
  if (repeated.length > 0) return { type: "say", kind: "answer", text: prompts.interrupted, tools: repeated };
  if (open.size > 0) return { type: "answer", text: prompts.interrupted, question: "" };
  // Keys that the caller had begun to press are not asked for again.
  history.caller(course.keys);
  return { type: "say", kind: "prompt", text: `${prompts.interrupted} ${prompts.goOn}`, tools: [] };
}

/** What was asked for and has no result: `open`, and what was asked for once more since, because it was run again. */
function openIn({ history }: Course): { open: ReadonlyMap<string, ToolRequest>; overtaken: ReadonlySet<ToolRequest> } {
  const open = new Map<string, ToolRequest>();
  const overtaken = new Set<ToolRequest>();
  for (const message of history) {
    if (message.role === "tool") open.delete(message.id);
    if (message.role !== "agent") continue;
    for (const tool of message.tools) {
      const before = open.get(tool.id);
      if (before) overtaken.add(before);
      open.set(tool.id, tool);
    }
  }
  return { open, overtaken };
}

/** What was said, as a model wants it: each request once, and with its result. */
function recall(course: Course, history: History, keeps: (request: ToolRequest) => boolean): void {
  const open = new Map<string, ToolRequest>();
  for (const message of course.history) {
    if (message.role === "caller") history.caller(message.text);
    else if (message.role === "agent") {
      const tools = message.tools.filter(keeps);
      history.agent(message.text, tools);
      for (const tool of tools) open.set(tool.id, tool);
    } else {
      const request = open.get(message.id);
      if (request) history.tool(request, message.result);
      open.delete(message.id);
    }
  }
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
