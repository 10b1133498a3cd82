import { z } from "zod";
import { ProviderError, type SpeechToText } from "../../conversation/providers.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { SherpaChild } from "../sherpa/child.ts";
import { manifestSchema } from "../sherpa/manifest.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { LiveHearing } from "./live/hearing.ts";
import { type EarChild, prepareChild, SherpaWire } from "./sherpa/wire.ts";

const { firstByteMs, finalMs, stallMs } = deadlineKeys;

const schema = z.strictObject({
  folder: z
    .string()
    .min(1)
    .describe(
      "A streaming zipformer: `encoder….onnx`, `decoder….onnx`, `joiner….onnx`, `tokens.txt`, and `bpe.vocab` for hints.",
    ),
  manifest: manifestSchema
    .optional()
    .describe("Size and sha256 of each file, checked before it is loaded. Default: `model.json` in the folder."),
  languages: z
    .array(z.string().min(2).max(35))
    .max(100)
    .default([])
    .describe("What the model understands (`en`); an agent in another language is refused. Empty: not checked."),
  decoding: z
    .enum(["greedy_search", "modified_beam_search"])
    .default("greedy_search")
    .describe("`modified_beam_search` is slower, and takes the agent's hints."),
  paths: z.int().min(1).max(32).default(4).describe("How many ways `modified_beam_search` follows."),
  hotwordsScore: z.number().min(0).max(20).default(1.5).describe("How much the hints are preferred."),
  units: z
    .enum(["bpe", "cjkchar", "cjkchar+bpe"])
    .default("bpe")
    .describe("What the model's tokens are; with `bpe`, hints need `bpe.vocab`."),
  endSilenceMs: z
    .int()
    .min(200)
    .max(10_000)
    .default(1200)
    .describe("After so much silence after words the model itself says that the turn is over."),
  threads: z.int().min(1).max(64).default(1).describe("Of the listening process, for all calls."),
  loadMs: z.int().min(1000).max(300_000).default(30_000).describe("How long checking and loading the model may take."),
  firstByteMs,
  finalMs,
  stallMs,
});

type Options = z.output<typeof schema>;

const BATCH_MS = 100;

/** What tests have different: another library, less patience. */
export interface SherpaParts {
  readonly library?: string;
  readonly hangMs?: number;
}

/** Streaming zipformer models by sherpa-onnx, in a process of their own. */
export const sherpa: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "sherpa",
  schema,
  leavesHost: () => undefined,
  create: (options, context) => createSherpa(options, context).stt,
};

export function createSherpa(
  options: Options,
  { clock, log, name = "sherpa" }: ProviderContext,
  parts: SherpaParts = {},
): { readonly stt: SpeechToText; readonly child: EarChild } {
  const { folder, manifest, loadMs, languages } = options;
  const child: EarChild = new SherpaChild({
    provider: name,
    script: new URL("./sherpa/child", import.meta.url),
    folder,
    manifest,
    settings: options,
    loadMs,
    ...parts,
    clock,
    log,
  });
  const known = new Set(languages.map(plain));
  const stt: SpeechToText = {
    name,
    prepare: (how) => prepareChild(child, how),
    connect: ({ signal }) => child.ready(signal),
    open({ rate, language, hints, signal }) {
      if (known.size > 0 && !known.has(plain(language))) {
        throw new ProviderError(name, "refused", `its model understands ${languages.join(", ")}, not ${language}`);
      }
      child.wake();
      return new LiveHearing({
        provider: name,
        rate,
        signal,
        clock,
        deadlines: { ...options, connectMs: loadMs },
        batchMs: BATCH_MS,
        talkative: true,
        connect: (hearing) => new SherpaWire(hearing, { child, provider: name, rate, hints }),
      });
    },
    close: () => child.close(),
  };
  return { stt, child };
}

const plain = (language: string): string => (language.split("-")[0] ?? "").toLowerCase();
