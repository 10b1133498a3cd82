import { z } from "zod";

const AFTERWARDS = ["agent", "voicemail", "menu"] as const;
const afterwards = (what: string) =>
  z.enum(AFTERWARDS).describe(`${what} \`agent\`: back to the agent, who says so.`).default("agent");
const hoursName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,31}$/, "a name of `hours` in sidetone.yaml")
  .optional();

/** One entry of `people`: its name is the target's in the dialplan. */
export const personSchema = z.strictObject({
  title: z.string().min(1).max(80).describe('As callers are told: "our accountants". Default: the name.').optional(),
  about: z.string().max(300).describe("What they are for: a language model chooses by it.").default(""),
  warm: z
    .boolean()
    .describe("They hear who calls and why before they take the call with 1; the caller hears ringing meanwhile.")
    .default(false),
  ringSeconds: z.int().min(3).max(300).describe("How long it rings there.").default(20),
  onBusy: afterwards("Where the caller goes when the line is busy."),
  onNoAnswer: afterwards("The same when nobody answers, or a human refuses the call."),
  hours: hoursName.describe("When they are there: a name of `hours`. Left out: always."),
  whenClosed: afterwards("Where a caller goes who asks for them at another time."),
});

export const peopleSchema = z
  .record(
    z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, "a target's name: small letters, digits and _, 32 at most"),
    personSchema,
  )
  .refine((people) => Object.keys(people).length <= 200, { message: "at most 200" });

/** In an agent file: its hours, and what callers outside of them get. */
export const agentHours = hoursName.describe("When this agent answers as usual: a name of `hours`. Left out: always.");

export const closedSchema = z.strictObject({
  greeting: z.string().min(1).max(1000).describe("The first words outside of the agent's hours."),
  prompt: z
    .string()
    .min(1)
    .max(10_000)
    .describe("What a language model is told besides, where the agent goes on.")
    .optional(),
  next: z
    .union([z.enum(["agent", "menu", "voicemail", "hangup"]), z.string().regex(/^[a-z][a-z0-9_]{0,31}$/)])
    .describe("What follows: `agent` goes on with the call; `menu`, `voicemail`, `hangup`, or one of `targets`.")
    .default("agent"),
});
