import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { WordDecoder } from "../providers/spoken-words.ts";

/**
 * Stands in for sherpa-onnx-node in the real child process, with the same calls: understands the fake vocabulary's tones. What is
 * written into the file `fault` beside its model happens to it. The configuration it was given is in each result, for tests.
 */

interface Config {
  readonly modelConfig: { readonly tokens: string; readonly transducer: { readonly encoder: string } };
  readonly hotwordsBuf?: string;
  readonly rule2MinTrailingSilence: number;
}

class OnlineStream {
  pending: { samples: Float32Array; sampleRate: number }[] = [];
  decoder: WordDecoder | undefined;
  words: string[] = [];
  quietS = 0;
  acceptWaveform(sound: { samples: Float32Array; sampleRate: number }): void {
    if (!(sound.samples instanceof Float32Array)) throw new TypeError("Expect a Float32Array");
    this.pending.push(sound);
  }
}

export class OnlineRecognizer {
  readonly #config: Config;
  readonly #folder: string;

  constructor(config: Config) {
    this.#config = config;
    this.#folder = dirname(config.modelConfig.tokens);
    readFileSync(config.modelConfig.transducer.encoder);
    // As the library does with a file that is no model.
    if (this.#fault === "refuse") process.abort();
  }

  get #fault(): string {
    try {
      return readFileSync(join(this.#folder, "fault"), "utf8");
    } catch {
      return "";
    }
  }

  createStream(): OnlineStream {
    return new OnlineStream();
  }

  isReady(stream: OnlineStream): boolean {
    return stream.pending.length > 0;
  }

  decodeStreams(streams: readonly OnlineStream[]): void {
    for (const stream of streams) this.#decode(stream);
  }

  #decode(stream: OnlineStream): void {
    const fault = this.#fault;
    if (fault === "silent" || (fault === "stall" && stream.words.length > 0)) hang();
    const sound = stream.pending.shift();
    if (!sound) throw new Error("it is not ready");
    stream.decoder ??= new WordDecoder(sound.sampleRate);
    const pcm = Int16Array.from(sound.samples, (sample) => Math.round(sample * 32_768));
    const words = stream.decoder.push(pcm);
    stream.words.push(...words);
    const loud = pcm.some((sample) => Math.abs(sample) > 300);
    stream.quietS = loud ? 0 : stream.quietS + pcm.length / sound.sampleRate;
    // In the middle of a sentence, with its first words told.
    if ((fault === "close" && stream.words.length > 3) || stream.words.includes("stop")) process.abort();
  }

  isEndpoint({ words, quietS }: OnlineStream): boolean {
    return words.length > 0 && quietS >= this.#config.rule2MinTrailingSilence;
  }

  reset(stream: OnlineStream): void {
    stream.words = [];
    stream.quietS = 0;
  }

  getResult({ words }: OnlineStream): object {
    if (this.#fault === "garbage") return { noText: true };
    if (this.#fault === "empty") return { text: "" };
    const hinted = words.map((word) =>
      this.#config.hotwordsBuf?.split("\n").includes(word.toUpperCase()) ? `${word}!` : word,
    );
    const text = ` ${hinted.join(" ").toUpperCase()}`;
    return { text, tokens: words, ys_probs: words.map(() => Math.log(0.8)) };
  }
}

function hang(): never {
  while (true) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
