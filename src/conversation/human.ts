import type { Next } from "../call/engine.ts";
import type { Agent } from "./agent.ts";
import type { ToolRequest } from "./providers.ts";
import type { Question } from "./question.ts";

export const HUMAN_KEY = "0";

/** The caller has pressed 0 and nothing else: nobody's question is answered by that, where the agent does not say so. */
export const wantsHuman = ({ human }: Agent, { text, digits, words }: Question): boolean =>
  human !== undefined && words.text === "" && text === digits && /^0#?$/.test(digits);

/** Where a caller goes who wants a person, or has failed at the keypad. */
export const humanNext = ({ human }: Pick<Agent, "human">): Next =>
  human === undefined || human === "menu"
    ? { next: "menu", reason: "human" }
    : { next: "transfer", target: human.target };

/** The same as a tool's request, for an agent that says so first. Undefined: it is the menu. */
export const humanRequest = ({ human }: Pick<Agent, "human">): ToolRequest | undefined =>
  human === undefined || human === "menu"
    ? undefined
    : { id: `key-${HUMAN_KEY}`, name: "transfer", input: { target: human.target } };
