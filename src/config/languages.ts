import { z } from "zod";
import { text } from "./names.ts";
import { promptsSchema, stageChoice } from "./said.ts";

/** What an agent is in another language: left out, it is as in the first. */
export const languagesSchema = (script: z.ZodType) =>
  z
    .record(
      z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, "a language tag such as de or fr-CA"),
      z.strictObject({
        key: z
          .string()
          .regex(/^[0-9*#]$/, "one key")
          .describe("The key by which callers ask for it.")
          .optional(),
        greeting: text("Said to who asks for this language by name or key.", 1000),
        voice: z.string().max(128).describe("A voice of its text-to-speech provider.").default(""),
        voices: z.record(z.string(), z.string().max(128)).describe("As in the agent.").default({}),
        stt: stageChoice("Who understands it: a provider or a list of them, best first."),
        llm: stageChoice("Who answers in it, likewise."),
        tts: stageChoice("Who speaks it, likewise."),
        prompt: text("What a language model is told about its work, in this language.", 50_000).optional(),
        script: script.describe("What the scripted agent says in it.").optional(),
        keywords: z.array(text("A word, or a few.", 100)).max(200).describe("For its recogniser.").default([]),
        prompts: promptsSchema.describe("Fixed phrases in it; left out, Sidetone's own.").prefault({}),
      }),
    )
    .refine((languages) => Object.keys(languages).length <= 8, "eight languages at most")
    .describe(
      "Other languages that callers may speak: the agent hears which one it is by the first words, and changes to one that is asked for. See docs/agents.md.",
    )
    .default({});
