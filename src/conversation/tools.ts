import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Next } from "../call/engine.ts";
import type { Agent } from "./agent.ts";
import type { ToolDefinition, ToolRequest } from "./providers.ts";

/** What a tool did: the call goes elsewhere, or the model is told a result. */
export type ToolOutcome = { readonly next: Next } | { readonly result: string };

export interface Tool {
  readonly definition: ToolDefinition;
  /** Said first where the model asks for the tool without a word to the caller. */
  readonly words?: string;
  /** The agent says goodbye with it. */
  readonly farewell?: boolean;
  /** Never rejects for what the model got wrong: that is a result. Runs when the words before it were heard. */
  run(input: ToolRequest["input"], signal: AbortSignal): Promise<ToolOutcome>;
}

/** The tools that every agent has, as far as its file allows: `transfer` to the named targets, `hang_up`. */
export function callTools({ targets, prompts }: Agent): readonly Tool[] {
  return targets.length === 0
    ? [hangUp(prompts.goodbye)]
    : [transfer(targets, prompts.transfer), hangUp(prompts.goodbye)];
}

const transfer = (targets: readonly string[], words: string): Tool => ({
  definition: {
    name: "transfer",
    description: "Puts the caller through to a person or a department. Say so in one short sentence first.",
    parameters: {
      type: "object",
      properties: { target: { type: "string", enum: [...targets] } },
      required: ["target"],
      additionalProperties: false,
    },
  },
  words,
  // A target is one of the agent's own names. What a model makes up never reaches the dialplan.
  run: async ({ target }) =>
    typeof target === "string" && targets.includes(target)
      ? { next: { next: "transfer", target } }
      : { result: `There is no such target. The targets are: ${targets.join(", ")}.` },
});

const hangUp = (words: string): Tool => ({
  definition: {
    name: "hang_up",
    description: "Ends the call. Say goodbye first.",
    parameters: { type: "object", properties: {}, additionalProperties: false },
  },
  words,
  farewell: true,
  run: async () => ({ next: { next: "hangup" } }),
});

export interface ToolRun {
  readonly clock: Clock;
  readonly log: Log;
  readonly toolMs: number;
  readonly signal: AbortSignal;
}

/** Runs one request within its deadline. What went wrong is told to the model: a caller never waits for a tool in vain. */
export async function runTool(
  tools: readonly Tool[],
  request: ToolRequest,
  { clock, log, toolMs, signal }: ToolRun,
): Promise<ToolOutcome> {
  const tool = tools.find(({ definition }) => definition.name === request.name);
  if (!tool) return { result: "There is no such tool." };
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
