import type { Next } from "../call/engine.ts";
import { type Afterwards, FIXED_BRIEF, type Handover, plainLine } from "../call/handover.ts";
import type { Agent } from "./agent.ts";
import { briefText, closedSentence } from "./people-words.ts";
import { type Person, plainPerson, type Reception } from "./person.ts";
import type { ToolRequest } from "./providers.ts";

/** Before a sentence that a tool has ready: a scripted agent says it as it is. */
export const SAY = "Tell the caller: ";

/**
 * The tool that puts a caller through. A target is one of the agent's own names: what a model makes up never reaches the dialplan.
 * Of what it says about the call, a line of plain letters goes along, and a brief that is spoken to the human.
 */
export function transferTool(
  agent: Agent,
  { leg, reception }: { leg?: { readonly from?: string }; reception?: Reception },
) {
  const { targets, people } = agent;
  const known = targets.map((target) => ({ target, person: people[target] ?? plainPerson(target) }));
  const described = known
    .filter(({ person }) => person.about !== "")
    .map(({ target, person }) => `${target}: ${person.about}`);
  const description = [
    "Puts the caller through to a person or a department. Say so in one short sentence first.",
    ...described,
  ].join("\n");
  return {
    definition: { name: "transfer", description, parameters: parametersFor(targets) },
    // In the words of the language that is spoken when it is used.
    get words() {
      return agent.prompts.transfer;
    },
    async run(input: ToolRequest["input"]): Promise<Outcome> {
      const found = known.find(({ target }) => target === input.target);
      if (!found) return { result: `There is no such target. The targets are: ${targets.join(", ")}.` };
      const { target, person } = found;
      const { language } = agent;
      const hours = reception?.hoursOf(target, language);
      if (hours && !hours.open) return closed(person, { language, opens: hours.opens });
      // Nothing is known of it but its name: the dialplan does as it always did.
      if (!people[target]) return { next: { next: "transfer", target } };
      const handover = handoverFor(person, { input, language, number: leg?.from ?? "", reception });
      return { next: { next: "transfer", target, handover } };
    },
  };
}

const parametersFor = (targets: readonly string[]): Readonly<Record<string, unknown>> => ({
  type: "object",
  properties: {
    target: { type: "string", enum: [...targets] },
    reason: {
      type: "string",
      maxLength: 60,
      description: "Why the caller calls, in a few words: shown on the display.",
    },
    brief: {
      type: "string",
      maxLength: 400,
      description: "One or two sentences for the colleague who answers: who calls, and what it is about.",
    },
  },
  required: ["target"],
  additionalProperties: false,
});

/** As every tool's. */
type Outcome = { readonly next: Next } | { readonly result: string };

const textIn = (value: unknown): string => (typeof value === "string" ? value.slice(0, 2000) : "");

function handoverFor(
  person: Person,
  {
    input,
    language,
    number,
    reception,
  }: { input: ToolRequest["input"]; language: string; number: string; reception: Reception | undefined },
): Handover {
  const { ringSeconds, onBusy, onNoAnswer } = person;
  const warm = typeof input.warm === "boolean" ? input.warm : person.warm;
  const spoken = textIn(input.reason).replace(/\s+/g, " ").trim().slice(0, 60);
  const text = briefText(language, { number, reason: spoken, text: textIn(input.brief) });
  const brief = warm ? (reception?.brief?.(text) ?? FIXED_BRIEF) : "";
  return { ringSeconds, onBusy, onNoAnswer, brief, reason: plainLine(spoken) };
}

function closed(
  { whenClosed, title }: Person,
  { language, opens }: { language: string; opens: string | undefined },
): Outcome {
  if (whenClosed !== "agent") return { next: nextOf(whenClosed) };
  return { result: `${SAY}${closedSentence(language, title, opens)}` };
}

/** Where the dialplan's own ways lead. */
export const nextOf = (then: Exclude<Afterwards, "agent">): Next =>
  then === "voicemail" ? { next: "transfer", target: "voicemail" } : { next: "menu", reason: "closed" };
