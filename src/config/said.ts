import { z } from "zod";
import { nameOf, text } from "./names.ts";

export const stageChoice = (what: string) => {
  const provider = nameOf("A provider by its name, or by its type.");
  return z
    .union([provider, z.array(provider).min(1).max(5)])
    .describe(what)
    .optional();
};

/** The `prompts:` block of an agent file. */
export const promptsSchema = z.strictObject({
  noInput: z
    .union([text("One prompt.", 500), z.array(text("One prompt.", 500)).min(1).max(5)])
    .describe("Said to a caller who says nothing, one after the other; then the menu.")
    .optional(),
  apology: text("Said when something failed.", 500).optional(),
  filler: z
    .union([text("One filler.", 80), z.array(text("One filler.", 80)).max(5)])
    .describe("Said while an answer takes long, at most once a turn. An empty list: nothing.")
    .optional(),
  goodbye: text("Said before hanging up.", 500).optional(),
  transfer: text("Said before a transfer, where the model says nothing.", 500).optional(),
  interrupted: text("Said when another worker goes on with a call whose worker has died.", 200).optional(),
  asISaid: text("Then, before the sentence that was cut.", 100).optional(),
  goOn: text("Or to a caller who was speaking.", 200).optional(),
});
