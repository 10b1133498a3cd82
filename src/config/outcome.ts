import { z } from "zod";
import { hostBeyond } from "../providers/host.ts";
import { keySchema } from "../providers/key.ts";
import { nameOf, text, whole } from "./names.ts";
import { secretsOf } from "./webhook-secret.ts";

const about = text("What it is, for the model that fills it.", 300);

const field = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("text").describe("Words; `max` characters at most."),
    about,
    max: whole("So many characters.", 1, 2000).default(200),
    required: z.boolean().describe("Without it the outcome is not complete.").default(false),
  }),
  z.strictObject({
    type: z.literal("number").describe("A number."),
    about,
    required: z.boolean().describe("Without it the outcome is not complete.").default(false),
  }),
  z.strictObject({
    type: z.literal("yesno").describe("True or false."),
    about,
    required: z.boolean().describe("Without it the outcome is not complete.").default(false),
  }),
  z.strictObject({
    type: z.literal("choice").describe("One of `choices`."),
    about,
    choices: z.array(text("One of them.", 100)).min(1).max(50).describe("What it may be."),
    required: z.boolean().describe("Without it the outcome is not complete.").default(false),
  }),
]);

const FIELDS_MAX = 30;

/** The `outcome:` block of an agent file. */
export const outcomeSchema = z.strictObject({
  summary: z.boolean().describe("Whether a few sentences about the call belong to it.").default(true),
  fields: z
    .record(nameOf("The field's name. A script fills those that are called like its slots, and `intent`."), field)
    .refine((fields) => Object.keys(fields).length <= FIELDS_MAX, `${FIELDS_MAX} fields at most`)
    .describe("What is to be known after a call.")
    .default({}),
  deadlineSeconds: whole("What is not filled by then, counted from the end of the call, stays empty.", 2, 120).default(
    20,
  ),
});

const SECRET_FORM = "whsec_ and base64 of 24 to 64 bytes: echo whsec_$(openssl rand -base64 32)";

/** Plain HTTP carries what callers said through no network. */
const url = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine(
    (given) => given.startsWith("https:") || hostBeyond(given) === undefined,
    "https, but for this machine itself",
  );

/** The `webhooks:` block of sidetone.yaml. */
export const webhooksSchema = z.record(
  nameOf("The name that agent files use."),
  z.strictObject({
    url: url.describe("Where the record of a call is sent."),
    secret: keySchema
      .refine((key) => secretsOf(key.current()) !== undefined, SECRET_FORM)
      .describe(
        "`whsec_` and base64 of 24 to 64 bytes. In a file, several of them, the newest first: each signs, while receivers change over.",
      ),
    transcript: z.boolean().describe("Whether it is told what was said.").default(false),
    timeoutSeconds: whole("A receiver that has not answered by then is asked again later.", 1, 30).default(10),
    maxAgeDays: whole("So long it is tried.", 1, 30).default(3),
  }),
);

export type OutcomeSettings = z.output<typeof outcomeSchema>;
