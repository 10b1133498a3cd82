import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileOf } from "../../sherpa/manifest.ts";
import type { Loaded } from "../../sherpa/serve.ts";
import type { EarSettings } from "./protocol.ts";

/** The library's handle for one caller's sound. */
export interface Stream {
  acceptWaveform(sound: { readonly samples: Float32Array; readonly sampleRate: number }): void;
}

/** The few calls of sherpa-onnx-node 1.13 that we need. They block for as long as they compute. */
export interface Recogniser {
  createStream(): Stream;
  isReady(stream: Stream): boolean;
  decodeStreams(streams: readonly Stream[]): void;
  isEndpoint(stream: Stream): boolean;
  reset(stream: Stream): void;
  getResult(stream: Stream): { readonly text?: unknown; readonly ys_probs?: unknown };
}

interface Library {
  readonly OnlineRecognizer: new (config: object) => Recogniser;
}

/** The longest utterance, in s: then the search begins anew, and what was understood is kept. */
export const LONGEST_S = 20;
const RATE = 16_000;
const QUIET_S = 10;
// Hotwords belong to a recogniser, and each has the model in memory once more.
const MAX_RECOGNISERS = 3;
const MAX_HOTWORDS = 200;
const MAX_WORDS_A_HINT = 5;

/** A recogniser for each set of hints, where the model can be given any; else one for all. */
export class Recognisers {
  /** Whether the model knows capitals only: then its words are told in small letters. */
  readonly capitals: boolean;
  readonly #loaded: Loaded<EarSettings>;
  readonly #byHints = new Map<string, Recogniser>();
  readonly #vocabulary: string | undefined;

  constructor(loaded: Loaded<EarSettings>) {
    this.#loaded = loaded;
    const { folder, manifest } = loaded;
    this.capitals = hasCapitalsOnly(readFileSync(join(folder, fileOf(manifest, "tokens", ".txt")), "utf8"));
    this.#vocabulary = vocabularyOf(loaded);
    this.#byHints.set("", this.#make(""));
  }

  /** `idle`: nobody is listened to, and loading a model for these hints makes nobody wait. */
  of(hints: readonly string[], idle: boolean): Recogniser {
    const hotwords = this.#hotwords(hints);
    const room = idle && this.#byHints.size < MAX_RECOGNISERS;
    const known = this.#byHints.get(hotwords) ?? (room ? undefined : this.#byHints.get(""));
    if (known) return known;
    const made = this.#make(hotwords);
    this.#byHints.set(hotwords, made);
    return made;
  }

  /** One a line, as the model writes words. "" where the model takes none. */
  #hotwords(hints: readonly string[]): string {
    const { decoding, units } = this.#loaded.settings;
    const able = decoding === "modified_beam_search" && (units === "cjkchar" || this.#vocabulary !== undefined);
    if (!able) return "";
    const words = hints.map((hint) =>
      hint
        .replace(/[^\p{L}\p{M}\p{N}' ]+/gu, " ")
        .replace(/\s+/g, " ")
        .trim(),
    );
    const wanted = words.filter((hint) => hint !== "" && hint.split(" ").length <= MAX_WORDS_A_HINT);
    const cased = wanted.map((hint) => (this.capitals ? hint.toUpperCase() : hint.toLowerCase()));
    return [...new Set(cased)].slice(0, MAX_HOTWORDS).join("\n");
  }

  #make(hotwords: string): Recogniser {
    const { library, folder, manifest, settings } = this.#loaded;
    const { OnlineRecognizer } = library as Library;
    const path = (begin: string, end: string): string => join(folder, fileOf(manifest, begin, end));
    return new OnlineRecognizer({
      featConfig: { sampleRate: RATE, featureDim: 80 },
      modelConfig: {
        transducer: {
          encoder: path("encoder", ".onnx"),
          decoder: path("decoder", ".onnx"),
          joiner: path("joiner", ".onnx"),
        },
        tokens: path("tokens", ".txt"),
        numThreads: settings.threads,
        provider: "cpu",
        debug: 0,
        modelingUnit: settings.units,
        bpeVocab: this.#vocabulary ?? "",
      },
      decodingMethod: settings.decoding,
      maxActivePaths: settings.paths,
      enableEndpoint: 1,
      rule1MinTrailingSilence: QUIET_S,
      rule2MinTrailingSilence: settings.endSilenceMs / 1000,
      rule3MinUtteranceLength: LONGEST_S,
      ...(hotwords !== "" && {
        hotwordsBuf: hotwords,
        hotwordsBufSize: Buffer.byteLength(hotwords),
        hotwordsScore: settings.hotwordsScore,
      }),
    });
  }
}

function vocabularyOf({ folder, manifest, settings: { units } }: Loaded<EarSettings>): string | undefined {
  const [file] = Object.keys(manifest).filter((name) => name.startsWith("bpe") && name.endsWith(".vocab"));
  return units === "cjkchar" || file === undefined ? undefined : join(folder, file);
}

/** The marks in angle brackets are nobody's words. */
function hasCapitalsOnly(tokens: string): boolean {
  const words = tokens
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((token) => !/^<.*>$/.test(token) && !token.startsWith("#"));
  return words.some((word) => /\p{Lu}/u.test(word)) && !words.some((word) => /\p{Ll}/u.test(word));
}
