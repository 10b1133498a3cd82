import { randomUUID } from "node:crypto";
import { closeSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { arpaOf } from "./arpa.ts";
import { corpusOf } from "./corpus.ts";
import { phonesOf } from "./letters.ts";
import type { Pointer, Sphinx } from "./library.ts";

export interface Result {
  readonly text: string;
  /** 0 to 1: how sure it is per word, on average. 0 for a long utterance, which is not judged. */
  readonly confidence: number;
}

/** One hearing's search. All calls block for as long as they compute: about a twentieth of the sound's length. */
export interface Decoder {
  /** `samples`: 16 kHz. Starts an utterance when none runs. */
  process(samples: Int16Array): void;
  partial(): string;
  /** Ends the utterance. */
  finish(): Result;
  /** Makes it ready for another caller. */
  reset(): void;
  /** Frees its memory; it must not be used again. */
  close(): void;
}

// The wide-band model was trained with sound up to 6.8 kHz. These cepstral means belong to a telephone's band and its mirror image:
// without them the first utterance of each call is understood worse than the rest.
const TELEPHONE_MEANS = "45.5,-3.5,13.5,8.5,13.5,-6.5,7.5,-5,-10,6.5,-2.5,6.8,1.5";
const OWN_WEIGHT = 0.7;
const COMMON_WORDS = 3000;
const LOG_BASE = Math.log(1.0001);
// Of a longer utterance the lattice is not searched again (16 kHz: 10 s): those of a noisy room take half a second, and every
// other call of the process waits meanwhile.
const LATTICE_SAMPLES = 160_000;
// Words that may end in one frame. Noise ends in hundreds of them, and each makes the lattice larger.
const WORDS_A_FRAME = 30;
const ANY_FORMAT = 0;
const ARPA_FORMAT = 1;

/** Makes decoders for one agent's hints. Loading takes about half a second the first time, a third later. */
export function createDecoders(
  sphinx: Sphinx,
  folder: string,
): (options: { hints: readonly string[]; telephone: boolean }) => Decoder {
  const sets = new Map<string, Pointer>();
  let general: Pointer | undefined;
  return ({ hints, telephone }) => {
    const config = configOf(sphinx, folder, telephone);
    const decoder = must(sphinx.init(config), "the acoustic model cannot be loaded");
    const key = hints.join("\n");
    const math = sphinx.logMath(decoder);
    general ??= must(
      sphinx.readModel(config, join(folder, "en-us.lm.bin"), ANY_FORMAT, sphinx.retainLogMath(math)),
      "the language model cannot be loaded",
    );
    const corpus = corpusOf(hints);
    const words = new Set([...corpus.keys()].flatMap((sentence) => sentence.split(" ")));
    addMissing(sphinx, decoder, words);
    const set = sets.get(key) ?? modelSet(sphinx, { config, decoder, general, words, arpa: arpaOf(corpus) });
    sets.set(key, set);
    if (sphinx.setModel(decoder, "agent", set) !== 0 || sphinx.setSearch(decoder, "agent") !== 0) {
      throw new Error("the language model does not fit");
    }
    return decoderOf(sphinx, decoder);
  };
}

function configOf(sphinx: Sphinx, folder: string, telephone: boolean): Pointer {
  const args = ["sidetone", "-hmm", join(folder, "en-us"), "-dict", join(folder, "cmudict-en-us.dict")];
  // The second pass costs 60 to 200 ms after the last word and made no word better (docs/decisions/0005).
  args.push("-fwdflat", "no", "-maxwpf", String(WORDS_A_FRAME));
  if (telephone) args.push("-cmninit", TELEPHONE_MEANS);
  return must(sphinx.parse(null, sphinx.args(), args.length, args, 1), "its parameters are refused");
}

function addMissing(sphinx: Sphinx, decoder: Pointer, words: ReadonlySet<string>): void {
  for (const word of words) {
    if (sphinx.lookUp(decoder, word) === null) sphinx.addWord(decoder, word, phonesOf(word), 0);
  }
}

/** The agent's own model mixed with the general one, over the agent's words and the commonest others. */
function modelSet(
  sphinx: Sphinx,
  {
    config,
    decoder,
    general,
    words,
    arpa,
  }: { config: Pointer; decoder: Pointer; general: Pointer; words: ReadonlySet<string>; arpa: string },
): Pointer {
  const names = ["agent", "general"];
  const weights = [OWN_WEIGHT, 1 - OWN_WEIGHT];
  const own = readText(sphinx, { config, arpa, math: sphinx.retainLogMath(sphinx.logMath(decoder)) });
  const set = must(
    sphinx.modelSet(config, [own, general], names, weights, 2),
    "the language models do not fit together",
  );
  const common = commonWords(sphinx, general).filter((word) => sphinx.lookUp(decoder, word) !== null);
  const vocabulary = [...new Set(["<s>", "</s>", ...words, ...common])].sort();
  sphinx.mapWords(set, vocabulary, vocabulary.length);
  sphinx.interpolate(set, names, weights);
  return set;
}

/** sphinxbase reads models from files only. This one has no name any more when it is written, so that a process that is killed leaves none behind. */
function readText(sphinx: Sphinx, { config, arpa, math }: { config: Pointer; arpa: string; math: Pointer }): Pointer {
  const path = join(tmpdir(), `sidetone-${process.pid}-${randomUUID()}.arpa`);
  const file = openSync(path, "wx+", 0o600);
  try {
    unlinkSync(path);
    writeFileSync(file, arpa);
    const model = sphinx.readModel(config, `/proc/self/fd/${file}`, ARPA_FORMAT, math);
    return must(model, "the agent's language model cannot be loaded");
  } finally {
    closeSync(file);
  }
}

function commonWords(sphinx: Sphinx, model: Pointer): string[] {
  const scored: [string, number][] = [];
  for (let id = 0; ; id++) {
    const word = sphinx.modelWord(model, id);
    if (word === null) break;
    if (/^[a-z']+$/.test(word)) scored.push([word, sphinx.modelScore(model, id, null, 0, [0])]);
  }
  scored.sort((a, b) => b[1] - a[1]);
  return scored.slice(0, COMMON_WORDS).map(([word]) => word);
}

function decoderOf(sphinx: Sphinx, decoder: Pointer): Decoder {
  let running = false;
  let heard = 0;
  const text = (): string => sphinx.hypothesis(decoder, [0])?.replace(/\bi\b/g, "I") ?? "";
  const end = (): void => {
    if (running) sphinx.endUtterance(decoder);
    running = false;
  };
  return {
    process(samples) {
      if (!running) {
        sphinx.startUtterance(decoder);
        running = true;
        heard = 0;
      }
      heard += samples.length;
      sphinx.process(decoder, samples, samples.length, 0, 0);
    },
    partial: () => (running ? text() : ""),
    finish() {
      if (!running) return { text: "", confidence: 0 };
      if (heard > LATTICE_SAMPLES) {
        // Before the end: whoever asks for the words after it has the lattice searched.
        const words = text();
        end();
        return { text: words, confidence: 0 };
      }
      end();
      const words = text();
      const count = Math.max(1, words.split(" ").length);
      return { text: words, confidence: words === "" ? 0 : Math.exp((sphinx.posterior(decoder) / count) * LOG_BASE) };
    },
    reset() {
      end();
      sphinx.startStream(decoder);
    },
    close() {
      end();
      sphinx.free(decoder);
    },
  };
}

function must<T>(value: T | null, otherwise: string): T {
  if (value === null) throw new Error(otherwise);
  return value;
}
