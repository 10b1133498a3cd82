import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Frame } from "../../audio/frame.ts";
import { joined } from "../../audio/joined.ts";
import type { KeptSpeech, SpeakOptions, TextToSpeech, WordTime } from "../../conversation/providers.ts";
import type { ProviderContext } from "../module.ts";
import { SpeechDisk, speechKey } from "./cache.ts";

type How = Pick<SpeakOptions, "voice" | "rate" | "language">;

// A minute at 8 kHz is 1 MB: the sentences of a hundred agents.
const MEMORY_BYTES = 64 << 20;
const DISK_BYTES = 64 << 20;

/**
 * A voice that costs time or money, with what every call hears of it (greetings, prompts, fillers) kept as sound: on disk too, so
 * that a restart asks nobody again. Replies are not kept: they may be personal. `options`: the voice's own, because another model
 * is another sound; a key in them does not count.
 */
export function keepSpoken(voice: TextToSpeech, options: object, context: ProviderContext): TextToSpeech {
  const kept = new Kept(voice, options, context);
  return {
    name: voice.name,
    ...(voice.connect && { connect: voice.connect.bind(voice) }),
    speak: (text, how) => kept.speak(text, how),
    kept: (piece, how) => kept.get(piece, how),
    prepare: (pieces, how) => kept.prepare(pieces, how),
    close: () => voice.close(),
  };
}

class Kept {
  readonly #voice: TextToSpeech;
  readonly #options: string;
  readonly #context: ProviderContext;
  readonly #disk: SpeechDisk | undefined;
  readonly #pieces = new Map<string, KeptSpeech>();
  /** What was to be kept, and is not yet: it is when a call has heard it whole. */
  readonly #wanted = new Set<string>();
  // Two agents with the same greeting have it spoken once.
  readonly #coming = new Map<string, Promise<void>>();
  #bytes = 0;

  constructor(voice: TextToSpeech, options: object, context: ProviderContext) {
    this.#voice = voice;
    this.#options = createHash("sha256").update(JSON.stringify(options)).digest("hex");
    this.#context = context;
    const { cacheDir, log } = context;
    if (cacheDir !== undefined)
      this.#disk = new SpeechDisk({ folder: join(cacheDir, "voices"), limitBytes: DISK_BYTES, log });
  }

  get(piece: string, how: How): KeptSpeech | undefined {
    return this.#pieces.get(this.#keyOf(piece, how));
  }

  async *speak(text: AsyncIterable<string>, options: SpeakOptions): AsyncGenerator<Frame, void, undefined> {
    const { signal, onWords } = options;
    const [said, frames, words]: [string[], Int16Array[], WordTime[]] = [[], [], []];
    const wanted = (): boolean => {
      // Of nearly all that is ever said nobody wants to keep anything, and the key is dear.
      if (this.#wanted.size === 0) return false;
      const [piece, ...others] = said;
      return piece !== undefined && others.length === 0 && this.#wanted.has(this.#keyOf(piece, options));
    };
    const hear = (times: readonly WordTime[]): void => {
      if (wanted()) words.push(...times);
      onWords?.(times);
    };
    for await (const frame of this.#voice.speak(noting(text, said), { ...options, onWords: hear })) {
      if (wanted()) frames.push(frame.pcm.slice());
      yield frame;
    }
    const [piece] = said;
    if (piece === undefined || !wanted() || signal.aborted) return;
    await this.#keep(this.#keyOf(piece, options), { pcm: joined(frames), words });
  }

  /** One after the other: a start with many agents is no flood of requests. The first failure ends it and is told. */
  async prepare(pieces: readonly string[], options: SpeakOptions): Promise<void> {
    for (const piece of pieces) this.#wanted.add(this.#keyOf(piece, options));
    for (const piece of pieces) {
      if (options.signal.aborted) return;
      const key = this.#keyOf(piece, options);
      if (this.#pieces.has(key)) continue;
      const coming = this.#coming.get(key) ?? this.#prepare(piece, key, options);
      this.#coming.set(key, coming);
      await coming.finally(() => this.#coming.delete(key));
    }
  }

  async #prepare(piece: string, key: string, options: SpeakOptions): Promise<void> {
    const found = unpacked(await this.#disk?.get(key));
    if (found) {
      this.#remember(key, found);
      await this.#disk?.touch(key, this.#context.clock.wall());
      return;
    }
    for await (const _ of this.speak(once(piece), options));
  }

  async #keep(key: string, speech: KeptSpeech): Promise<void> {
    if (speech.pcm.length === 0 || !this.#remember(key, speech)) return;
    await this.#disk?.set(key, packed(speech));
  }

  /** What does not fit is spoken anew each time, as without a cache. */
  #remember(key: string, speech: KeptSpeech): boolean {
    this.#wanted.delete(key);
    if (this.#pieces.has(key) || this.#bytes + speech.pcm.byteLength > MEMORY_BYTES) return false;
    this.#pieces.set(key, speech);
    this.#bytes += speech.pcm.byteLength;
    return true;
  }

  #keyOf(text: string, { voice, rate, language }: How): string {
    const sound = JSON.stringify([voice, language, this.#options]);
    return speechKey({ provider: this.#voice.name, voice: sound, text, rate });
  }
}

async function* once(piece: string): AsyncGenerator<string> {
  yield piece;
}

async function* noting(text: AsyncIterable<string>, said: string[]): AsyncGenerator<string> {
  for await (const piece of text) {
    // Whether it was one piece, and which, is all that matters.
    if (said.length < 2) said.push(piece);
    yield piece;
  }
}

const times = z.array(z.object({ text: z.string(), startMs: z.number(), endMs: z.number() }));

/** In one file: the length of the words' JSON, as two numbers of 15 bits, the JSON in UTF-16, and the sound. */
function packed({ pcm, words }: KeptSpeech): Int16Array {
  const told = JSON.stringify(words);
  const all = new Int16Array(2 + told.length + pcm.length);
  all.set([told.length & 0x7fff, told.length >> 15]);
  for (let i = 0; i < told.length; i++) all[2 + i] = told.charCodeAt(i);
  all.set(pcm, 2 + told.length);
  return all;
}

function unpacked(all: Int16Array | undefined): KeptSpeech | undefined {
  const [low = 0, high = 0] = all ?? [];
  const length = low + (high << 15);
  if (!all || length < 2 || 2 + length >= all.length) return undefined;
  try {
    const told = all.slice(2, 2 + length);
    const words = times.parse(JSON.parse(Buffer.from(told.buffer).toString("utf16le")));
    return { pcm: all.subarray(2 + length), words };
  } catch {
    // A file that is damaged is as good as none: the piece is spoken again.
    return undefined;
  }
}
