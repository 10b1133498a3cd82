import { z } from "zod";
import { nameOf, targetOf, text, whole } from "./names.ts";

function isRegex(given: string): boolean {
  try {
    new RegExp(given);
    return true;
  } catch {
    return false;
  }
}

const digits = z
  .strictObject({
    min: whole("Fewer are not accepted.", 1, 32).default(1),
    max: whole("With so many it is complete.", 1, 32).default(32),
    finish: z.enum(["#", "*", ""]).describe("The key that ends it. Empty: none does.").default("#"),
    regex: z
      .string()
      .max(200)
      .refine(isRegex, "a regular expression")
      .describe("What is accepted, as a regular expression for the whole of it.")
      .optional(),
    retries: whole("How often it is asked for again.", 0, 5).default(2),
    secure: z
      .boolean()
      .describe(
        "No model, record, log, journal, recording or provider gets to know them; tools get a token. See docs/keypad.md.",
      )
      .default(false),
  })
  .refine(({ min, max }) => min <= max, { path: ["max"], message: "no less than min" });

const collector = z.strictObject({
  ask: text("What the caller is told to press. May be interrupted by pressing it.", 500),
  description: z.string().max(300).describe("For a language model: what it is and when to ask for it.").default(""),
  digits: digits.describe("What is accepted.").prefault({}),
  firstSeconds: whole("How long the first key is waited for.", 2, 60).default(8),
  betweenSeconds: whole("How long each further key is waited for; then it is taken as complete.", 1, 20).default(3),
  wrong: text("Said before asking again, where what was pressed is not accepted.", 300).optional(),
  nothing: text("Said before asking again, where nothing was pressed.", 300).optional(),
  otherwise: z
    .union([z.enum(["human", "menu", "agent"]), z.strictObject({ transfer: targetOf("One of `targets`.") })])
    .describe(
      "What happens when it was asked for often enough: `human`, as with the key 0; `menu`; `agent`, who is told so; or a target.",
    )
    .default("human"),
});

/** The `collectors:` block of an agent file. */
export const collectorsSchema = z.record(nameOf("The name by which the agent asks for it."), collector);

export const humanSchema = z
  .union([z.literal(false), targetOf("One of `targets`.")])
  .describe(
    "Where callers go who press 0 and nothing else: one of `targets`. Left out: `operator`, where it is one of them, else the menu; a script that has a phrase `0` answers that itself. `false`: 0 is a key like any other.",
  )
  .optional();
