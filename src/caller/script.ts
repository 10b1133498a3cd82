import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { OutsideError } from "../base/errors.ts";
import { NOISE_KINDS } from "./noise.ts";

// What a caller does, step by step, as an administrator writes it down.

const MAX_BYTES = 100_000;
const MAX_STEPS = 200;

const text = z.string().trim().min(1).max(2_000);
const phrase = z.string().trim().min(1).max(200);
const ms = z.number().min(0).max(600_000);
const timeoutMs = ms.default(10_000);

const spoken = z.strictObject({ text, voice: z.string().min(1).max(100).optional() });
const words = z.union([phrase.transform((one) => [one]), z.array(phrase).min(1).max(50)]);

const condition = {
  words: words.optional(),
  silenceMs: ms.optional(),
  timeoutMs,
};

const exactlyOne = (names: readonly string[]) => (value: object) =>
  names.filter((name) => (value as Record<string, unknown>)[name] !== undefined).length === 1;

const wait = z
  .strictObject({
    ...condition,
    sound: z.literal(true).optional(),
    answered: z.literal(true).optional(),
    ended: z.literal(true).optional(),
  })
  .refine(
    exactlyOne(["words", "silenceMs", "sound", "answered", "ended"]),
    "needs exactly one of words, sound, silenceMs, answered, ended",
  );

const expect = z
  .strictObject({
    ...condition,
    soundFile: z.string().min(1).max(1_000).optional(),
    /** 0 to 1: how alike the heard sound must be. */
    score: z.number().min(0).max(1).default(0.5),
    answered: z.literal(true).optional(),
    ended: z.literal(true).optional(),
  })
  .refine(
    exactlyOne(["words", "silenceMs", "soundFile", "answered", "ended"]),
    "needs exactly one of words, soundFile, silenceMs, answered, ended",
  );

const steps = {
  say: z.union([text.transform((said) => ({ text: said, voice: undefined })), spoken]),
  wait,
  press: z.union([
    z.union([z.string(), z.number().transform(String)]).transform((digits) => ({ digits, method: "rfc4733" as const })),
    z.strictObject({
      digits: z.union([z.string(), z.number().transform(String)]),
      method: z.enum(["rfc4733", "info", "inband"]).default("rfc4733"),
    }),
  ]),
  talkOver: z.strictObject({ afterMs: ms, text, voice: z.string().min(1).max(100).optional(), timeoutMs }),
  noise: z.strictObject({
    kind: z.enum(NOISE_KINDS as ["white", "pink", "babble"]).default("pink"),
    levelDbov: z.number().min(-90).max(0),
    ms: ms.optional(),
  }),
  expect,
  pauseMs: ms,
  hangUp: z.literal(true),
};

export const STEP_NAMES: readonly (keyof typeof steps)[] = [
  "say",
  "wait",
  "press",
  "talkOver",
  "noise",
  "expect",
  "pauseMs",
  "hangUp",
];

const step = z.preprocess(
  // "- hangUp" says it all.
  (value) => (value === "hangUp" ? { hangUp: true } : value),
  z
    .strictObject(steps)
    .partial()
    .refine(exactlyOne(STEP_NAMES), `a step does exactly one of ${STEP_NAMES.join(", ")}`),
);

const percent = z.number().min(0).max(100);

/** What the network does to the call's packets, each way. */
const network = z.strictObject({
  lossPercent: percent.optional(),
  delayMs: z.number().min(0).max(5_000).optional(),
  jitterMs: z.number().min(0).max(5_000).optional(),
  reorderPercent: percent.optional(),
  duplicatePercent: percent.optional(),
  seed: z.number().int().min(0).max(0xffff_ffff).optional(),
});

export const scriptSchema = z.strictObject({
  name: phrase.default("call"),
  voice: z.string().min(1).max(100).default(""),
  language: z.string().min(2).max(20).default("en"),
  /** Phrases that help the ear: what the agent is likely to say. The words of all wait and expect steps are added. */
  hints: z.array(phrase).max(200).default([]),
  codec: z.enum(["ulaw", "alaw"]).optional(),
  /** How long it may ring, and how long the whole call may take. */
  answerMs: ms.default(30_000),
  maxMs: ms.default(300_000),
  network: network.optional(),
  steps: z.array(step).min(1).max(MAX_STEPS),
});

export type Script = z.output<typeof scriptSchema>;
export type Step = Script["steps"][number];

/** Reads a script. Throws an OutsideError "script" that names every fault with its line and column. */
export function parseScript(source: string, file = "script"): Script {
  if (source.length > MAX_BYTES)
    throw scriptError([`${file}: ${source.length} bytes; a script has at most ${MAX_BYTES}`]);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw scriptError(document.errors.map((error) => `${at(error.pos[0])}: ${error.message.split("\n")[0]}`));
  }
  const parsed = scriptSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return parsed.data;
  const place = (path: readonly PropertyKey[], key?: string): string => at(offsetOf(document, path, key));
  const { issues } = parsed.error;
  const unknown = new Set(issues.filter(({ code }) => code === "unrecognized_keys").map(({ path }) => path.join()));
  // A misspelt step is one fault, not two.
  const told = issues.filter(({ code, path }) => code !== "custom" || !unknown.has(path.join()));
  throw scriptError(told.flatMap((issue) => faults(issue, place)));
}

function faults(issue: z.core.$ZodIssue, place: (path: readonly PropertyKey[], key?: string) => string): string[] {
  const { path } = issue;
  const where = path.map(String).join(".") || "the script";
  if (issue.code === "unrecognized_keys") {
    const allowed = path.length === 2 && path[0] === "steps" ? `; a step is one of ${STEP_NAMES.join(", ")}` : "";
    return issue.keys.map((key) => `${place(path, key)}: ${where} knows no "${key}"${allowed}`);
  }
  if (issue.code === "invalid_union") {
    // Of several readings, the one that came furthest is what was meant.
    const [best] = [...issue.errors].sort((a, b) => depth(b) - depth(a));
    return (best ?? []).flatMap((inner) => faults({ ...inner, path: [...path, ...inner.path] }, place));
  }
  return [`${place(path)}: ${where}: ${issue.message}`];
}

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map(({ path, code }) => path.length + (code === "invalid_type" ? 0 : 0.5)));

function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[], key?: string): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isMap(node) && key !== undefined && length === path.length) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const { range } = (node ?? {}) as { range?: readonly number[] | null };
    if (range?.[0] !== undefined) return range[0];
  }
  return 0;
}

const scriptError = (lines: readonly string[]): OutsideError => new OutsideError("script", lines.join("\n"));
