import { z } from "zod";
import { saidWords } from "./said-words.ts";

const MAX_WORDS = 300;
const MAX_ANSWER = 2000;

const words = z.string().trim().min(1).max(MAX_WORDS);
const answer = z.union([
  z.string().trim().min(1).max(MAX_ANSWER),
  z.array(z.string().trim().min(1).max(MAX_ANSWER)).min(1).max(20),
]);

const SLOT_TYPE =
  "`digits`: a number, by keypad. `yesno`: the intent goes on after a yes only. `collector`: one of the agent's collectors asks. `tool`: a tool is asked.";
const SLOT_FAILED = "What is said when it failed; the intent then ends without its answer and action.";
const SLOT_ASK = "The question that is asked.";
const slotName = z
  .string()
  .min(1)
  .max(50)
  .describe("Letters, digits and _. `{name}` in the answer becomes the digits, read one by one.");

const slotSchema = z.discriminatedUnion("type", [
  z.strictObject({
    name: slotName,
    type: z.literal("digits").describe(SLOT_TYPE),
    ask: words.describe(SLOT_ASK),
    min: z.int().min(1).max(40).default(1).describe("Fewer digits: the agent waits for the rest."),
    max: z.int().min(1).max(40).default(20).describe("Further digits are dropped."),
  }),
  z.strictObject({
    name: slotName,
    type: z.literal("yesno").describe(SLOT_TYPE),
    ask: words.describe(SLOT_ASK),
    no: answer.optional().describe("What is said after a no; the intent then ends without its answer and action."),
  }),
  z.strictObject({
    name: slotName,
    type: z.literal("collector").describe(SLOT_TYPE),
    collector: z
      .string()
      .min(1)
      .max(32)
      .describe("Its name in `collectors`. Of a secure one `{name}` is a token, for tools."),
    failed: answer.optional().describe(SLOT_FAILED),
  }),
  z.strictObject({
    name: slotName,
    type: z.literal("tool").describe(SLOT_TYPE),
    tool: z.string().min(1).max(64).describe("Its name. `{name}` becomes its answer, `{name.field}` a field of it."),
    input: z
      .record(z.string(), z.string().max(500))
      .describe("What it is given; `{slot}` as in the answer.")
      .default({}),
    failed: answer.optional().describe(SLOT_FAILED),
  }),
]);

const actionSchema = z.union([
  z.strictObject({
    transfer: z.string().min(1).max(80).describe("Gives the call to one of `targets`."),
    reason: words.optional().describe("Why, on the human's display and in the brief. Default: the intent's name."),
    warm: z
      .boolean()
      .optional()
      .describe("Whether the human hears who calls and takes the call with a key. Default: as `people` says."),
  }),
  z.strictObject({ hangUp: z.literal(true).describe("Ends the call.") }),
]);

const followSchema = z.strictObject({
  keywords: z.array(words).min(1).max(50).describe("Any one of these words; of several words in one, all."),
  answer: answer.describe("What is said then, instead of the intent's answer, slots and action."),
});

const intentSchema = z.strictObject({
  name: z.string().min(1).max(50).describe("A name of your own for it."),
  phrases: z
    .array(words)
    .max(100)
    .default([])
    .describe("What callers say; other words for the same thing are understood too."),
  keywords: z
    .array(words)
    .max(100)
    .default([])
    .describe("Words that point to this intent; of several words in one, all must be said."),
  answer: answer.describe("What is said; of a list, each in turn."),
  follow: z
    .array(followSchema)
    .max(30)
    .default([])
    .describe('Closer answers, chosen by keyword: in the question itself, or in a later "and on sunday?".'),
  action: actionSchema.optional().describe("What happens after the answer."),
  slots: z.array(slotSchema).max(10).default([]).describe("What is asked before the answer is given."),
});

/** The `script:` block of an agent file: what the scripted model knows. */
export const scriptSchema = z.strictObject({
  intents: z.array(intentSchema).min(1).max(200),
  else: answer.describe("What is said when nothing fits; of a list, each in turn."),
});

export type Script = z.output<typeof scriptSchema>;
export type Intent = Script["intents"][number];
export type Slot = Intent["slots"][number];
export type Answer = Script["else"];

/** What callers of this script are likely to say, for the recogniser: phrases first, then single keywords. */
export function hintsOf(script: Script, language: string): string[] {
  const { intents } = script;
  const slots = intents.flatMap((intent) => intent.slots);
  const { expected } = saidWords(language);
  const hints = [
    ...intents.flatMap((intent) => intent.phrases),
    ...intents.flatMap((intent) => [...intent.keywords, ...intent.follow.flatMap((follow) => follow.keywords)]),
    ...(slots.some((slot) => slot.type === "yesno") ? expected.yesNo : []),
    ...(slots.some((slot) => slot.type === "digits") ? expected.digits : []),
  ];
  return [...new Set(hints.map((hint) => hint.toLowerCase()))];
}

// A script with more to say than this has its later answers spoken when they are wanted.
const KEPT_CHARACTERS = 20_000;

/** What a script says in the same words to every caller: each of its texts without a caller's digits in it. Bounded; what is no script has none. */
export function textsOf(given: unknown): string[] {
  const parsed = scriptSchema.safeParse(given);
  if (!parsed.success) return [];
  const { intents, else: otherwise } = parsed.data;
  const answers = [
    ...intents.flatMap(({ answer, slots, follow }) => [
      answer,
      ...follow.map((one) => one.answer),
      ...slots.flatMap((slot) => [
        ...("ask" in slot ? [slot.ask] : []),
        ...("no" in slot && slot.no !== undefined ? [slot.no] : []),
      ]),
    ]),
    otherwise,
  ].flat();
  let characters = 0;
  return [...new Set(answers)].filter((text) => {
    if (/\{\w+\}/.test(text)) return false;
    characters += text.length;
    return characters <= KEPT_CHARACTERS;
  });
}

/** Where this script transfers calls to, each with its place in it. */
export const targetsOf = ({ intents }: Script): { target: string; path: (string | number)[] }[] =>
  intents.flatMap(({ action }, index) =>
    action && "transfer" in action ? [{ target: action.transfer, path: ["intents", index, "action", "transfer"] }] : [],
  );
