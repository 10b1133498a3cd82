import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { printable } from "../base/text.ts";
import type { Leg, Next } from "../call/engine.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { Agent } from "./agent.ts";
import type { ConversationObserver } from "./observer.ts";
import type { Reception } from "./person.ts";
import type { ToolDefinition, ToolRequest } from "./providers.ts";
import { transferTool } from "./transfer.ts";
import type { Vault } from "./vault.ts";

/** What a tool did: the call goes elsewhere, or the model is told a result. */
export type ToolOutcome = { readonly next: Next } | { readonly result: string };

export interface Tool {
  readonly definition: ToolDefinition;
  /** Said first where the model asks for the tool without a word to the caller. */
  readonly words?: string;
  /** The agent says goodbye with it. */
  readonly farewell?: boolean;
  /** Its own deadline, where the common one is not right for it. */
  readonly timeoutMs?: number;
  /** It talks to the caller itself: while it runs there is neither filler nor music. */
  readonly attends?: boolean;
  /** It changes nothing, or nothing more the second time: it may be run again where nobody knows whether it was. */
  readonly repeatable?: boolean;
  /** Never rejects for what the model got wrong: that is a result. Runs when the words before it were heard. */
  run(input: ToolRequest["input"], signal: AbortSignal): Promise<ToolOutcome>;
}

/** What a tool may touch of the call. */
export interface ToolCall {
  readonly leg?: Partial<Pick<Leg, "sendDtmf" | "id" | "from" | "did" | "to">>;
  readonly observer?: Pick<ConversationObserver, "note">;
  /** Who is there, and how humans are told of a call. Absent: everybody is, and they are not. */
  readonly reception?: Reception;
}

/** What a tool beyond those that every agent has knows of its call. */
export interface ToolScope extends ToolCall {
  readonly clock: Clock;
  readonly log: Log;
  /** What tokens stand for. */
  readonly vault: Pick<Vault, "reveal" | "redact">;
}

/** Tools beyond those that every agent has: made for one call, when it begins. */
export type MoreTools = (scope: ToolScope) => readonly Tool[];

/**
 * The tools that every agent has, as far as its file and this call allow: `transfer` to the named targets, `hang_up`,
 * `send_digits`, `note`.
 */
export function callTools(agent: Agent, call: ToolCall = {}): readonly Tool[] {
  const { leg, observer } = call;
  const press = leg?.sendDtmf?.bind(leg);
  const note = observer?.note?.bind(observer);
  return [
    ...(agent.targets.length === 0 ? [] : [transferTool(agent, call)]),
    hangUp(agent),
    ...(press ? [sendDigits(press)] : []),
    ...(note ? [takeNote(note)] : []),
  ];
}

// In the words of the language that is spoken when the tool is used.
const hangUp = (agent: Pick<Agent, "prompts">): Tool => ({
  definition: {
    name: "hang_up",
    description: "Ends the call. Say goodbye first.",
    parameters: { type: "object", properties: {}, additionalProperties: false },
  },
  get words() {
    return agent.prompts.goodbye;
  },
  farewell: true,
  run: async () => ({ next: { next: "hangup" } }),
});

const MAX_DIGITS = 32;
const MAX_NOTE = 1000;

const sendDigits = (press: (digits: string) => Promise<void>): Tool => ({
  definition: {
    name: "send_digits",
    description:
      "Presses keys towards the other side, such as an extension behind its menu. Never digits the caller told you in confidence.",
    parameters: {
      type: "object",
      properties: { digits: { type: "string", pattern: `^[0-9*#A-D]{1,${MAX_DIGITS}}$` } },
      required: ["digits"],
      additionalProperties: false,
    },
  },
  async run({ digits }) {
    const keys = typeof digits === "string" || typeof digits === "number" ? String(digits).replace(/[\s-]/g, "") : "";
    if (!new RegExp(`^[0-9*#A-D]{1,${MAX_DIGITS}}$`, "i").test(keys))
      return { result: `This failed: digits are 0-9, *, # and A-D, at most ${MAX_DIGITS}. Nothing was pressed.` };
    // What the PBX refuses is told to the model by whoever runs the tool.
    await press(keys.toUpperCase());
    return { result: "The digits were sent." };
  },
});

const takeNote = (note: (text: string) => boolean): Tool => ({
  definition: {
    name: "note",
    description: `Writes one thing worth keeping into the record of this call, in your own words, at most ${MAX_NOTE} characters.`,
    parameters: {
      type: "object",
      properties: { text: { type: "string", maxLength: MAX_NOTE } },
      required: ["text"],
      additionalProperties: false,
    },
  },
  async run({ text }) {
    const words = typeof text === "string" ? printable(text) : "";
    if (words === "") return { result: "This failed: the note has no text." };
    if (words.length > MAX_NOTE) return { result: `This failed: a note has at most ${MAX_NOTE} characters.` };
    return { result: note(words) ? "Noted." : "This failed: the record takes no more notes." };
  },
});

export interface ToolRun {
  readonly clock: Clock;
  readonly log: Log;
  readonly toolMs: number;
  readonly signal: AbortSignal;
  readonly journal?: Pick<CourseWriter, "kept"> | undefined;
}

/** Runs one request within its deadline. What went wrong is told to the model: a caller never waits for a tool in vain. */
export async function runTool(
  tools: readonly Tool[],
  request: ToolRequest,
  { clock, log, toolMs, signal, journal }: ToolRun,
): Promise<ToolOutcome> {
  const tool = tools.find(({ definition }) => definition.name === request.name);
  if (!tool) return { result: "There is no such tool." };
  if (request.fault !== undefined) return { result: `This failed: ${request.fault}` };
  // Who goes on with this call must know that it was asked for, or would ask once more.
  await journal?.kept?.();
  if (signal.aborted) return { result: "The call is over." };
  const run = new AbortController();
  const within = AbortSignal.any([signal, run.signal]);
  try {
    const tooLate = clock.sleep(toolMs, within).then(() => ({ result: "The tool did not answer in time." }));
    return await Promise.race([tool.run(request.input, within), tooLate]);
  } catch (error) {
    if (!signal.aborted) log.warn({ tool: request.name, err: error }, "a tool failed");
    return { result: "The tool failed." };
  } finally {
    run.abort();
  }
}
