import type { Message, ReplyPart, ToolDefinition } from "../../../conversation/providers.ts";
import { type Known, talkOf } from "./dialogue.ts";

/** What a call came to, by the script alone: what its slots were filled with, and which intents were asked for. */
export function scriptedOutcome(tool: ToolDefinition, messages: readonly Message[], known: Known): ReplyPart {
  const { values, topics } = talkOf(messages, known);
  const properties = tool.parameters.properties as Readonly<Record<string, { type?: unknown }>>;
  const input: Record<string, unknown> = {};
  for (const [name, { type }] of Object.entries(properties)) {
    const kinds = [type].flat();
    if (name === "summary") input[name] = summaryOf(topics, values);
    else if (name === "intent") input[name] = topics.at(-1) ?? null;
    else input[name] = kinds.includes("boolean") ? asTruth(values.get(name)) : (values.get(name) ?? null);
  }
  return { type: "tool", id: "script-outcome", name: tool.name, input };
}

const asTruth = (value: string | undefined): boolean | null => (value === undefined ? null : value === YES);

/** What a slot of yes or no is filled with. */
export const YES = "yes";

function summaryOf(topics: readonly string[], values: ReadonlyMap<string, string>): string {
  const asked = topics.length === 0 ? "Nothing that the script knows" : [...new Set(topics)].join(", ");
  const given = [...values].map(([name, value]) => `${name}: ${value}`).join(", ");
  return `Asked for: ${asked}.${given === "" ? "" : ` Given: ${given}.`}`;
}
