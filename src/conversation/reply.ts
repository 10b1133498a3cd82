import type { Frame } from "../audio/frame.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { BoundedQueue } from "../base/queue.ts";
import { OVER } from "../base/signals.ts";
import { ProviderError, type ReplyPart, type TextToSpeech, type ToolRequest, type Usage } from "./providers.ts";
import { Sentences } from "./sentences.ts";
import { Spoken } from "./spoken.ts";

export type Stage = "llm" | "tts";

export interface ReplyEvents {
  /** The first frame is about to be written. Returns what the media's `heardMs` will be when it is heard, if that is later than now. */
  begins(): number;
  /** The first frame was written to the media. */
  audio(): void;
  /** A piece went to the voice. */
  words(text: string): void;
  /** All was heard. There may have been nothing to say, but tools to run. */
  done(): void;
  /** The model or the voice failed. Of the model's failure one hears after its last whole piece was heard. */
  failed(stage: Stage, error: unknown): void;
  /** What the voice took for a piece. */
  usage?(usage: Usage): void;
}

export interface ReplyOptions {
  /** What is to be said: a model's stream, or fixed text. Called once, at once. */
  readonly source: (signal: AbortSignal) => AsyncIterable<ReplyPart>;
  /** What is said before a tool that comes without words; undefined: nothing. */
  readonly wordsFor: (tool: ToolRequest) => string | undefined;
  readonly tts: TextToSpeech;
  readonly voice: string;
  readonly language: string;
  readonly media: MediaStream;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly maxCharacters: number;
  readonly events: ReplyEvents;
}

/** When things happened, by the clock's `now`. */
export interface ReplyMoments {
  textAt?: number;
  frameAt?: number;
  writtenAt?: number;
}

/** A reply that is heard, whoever makes it. */
export interface VoicedReply {
  readonly tools: ToolRequest[];
  readonly spoken: Spoken;
  readonly moments: ReplyMoments;
  /** What of it was heard by now, in ms. */
  readonly heardMs: number;
  release(): void;
  /** Silence in this tick. Returns how much was heard, in ms. */
  cancel(): number;
  /** The tools that it asked for are not run. */
  refuse?(): void;
}

// Half a second of a reply that is only being prepared: more would be synthesised for nothing when the caller goes on.
const PREPARED_MS = 500;
const WATCH_MS = 250;
// Half a minute: the longest piece is shorter.
const MAX_AHEAD_FRAMES = 1_500;
// Longer replies are cut by their characters, long before this.
const MAX_PIECES = 1_000;

/**
 * One reply: a stream of text, cut into pieces, spoken, and written to the media. It prepares itself from the start and sounds
 * from `release` on. `cancel` is a fence: nothing of it is heard or reported afterwards, and nobody waits for what it still does.
 */
export class Reply implements VoicedReply {
  readonly tools: ToolRequest[] = [];
  /** What is to be said, as far as it is known: each went to the voice, or will. */
  readonly pieces: string[] = [];
  readonly spoken = new Spoken();
  readonly moments: ReplyMoments = {};
  readonly #options: ReplyOptions;
  readonly #abort = new AbortController();
  readonly #pieces = new BoundedQueue<string>(MAX_PIECES);
  readonly #prepared: Frame[] = [];
  #preparedMs = 0;
  readonly #announced: string[] = [];
  readonly #released = Promise.withResolvers<void>();
  readonly #watch: Timer;
  #sounding = false;
  /** Nothing more is written or reported. */
  #over = false;
  /** It was heard to its end, or cut off. */
  #ended = false;
  #heardBeforeMs = 0;
  #pieceCount = 0;
  /** Since when the model, or the voice, is waited for. */
  #llmSince: number | undefined;
  #ttsSince: number | undefined;
  #failure: { stage: Stage; error: unknown } | undefined;

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#watch = options.clock.every(WATCH_MS, () => this.#checkStall());
    // Both end by themselves and report through `events`; a fence makes what comes late of no consequence.
    void this.#think();
    void this.#speak();
  }

  /** What of it was heard by now, in ms. */
  get heardMs(): number {
    return this.moments.writtenAt === undefined ? 0 : Math.max(0, this.#options.media.heardMs - this.#heardBeforeMs);
  }

  /** From now on it may be heard: what was prepared is written in this tick. */
  release(): void {
    if (this.#sounding || this.#over) return;
    this.#sounding = true;
    for (const text of this.#announced.splice(0)) this.#options.events.words(text);
    for (const frame of this.#prepared.splice(0)) this.#write(frame);
    if (this.#failure?.stage === "tts") this.#fail(this.#failure);
    this.#released.resolve();
  }

  /** Silence in this tick. Returns how much was heard, in ms. */
  cancel(): number {
    if (this.#ended) return 0;
    this.#ended = true;
    // Silence first; what the abort wakes up may take its time.
    const heardMs = this.moments.writtenAt === undefined ? 0 : this.#options.media.clear() - this.#heardBeforeMs;
    this.#close();
    return Math.max(0, heardMs);
  }

  /** `reason`: why it is given up, for whoever counts requests. */
  #close(reason: unknown = OVER): void {
    this.#over = true;
    this.#watch.cancel();
    this.#pieces.close();
    this.#prepared.length = 0;
    this.#released.resolve();
    this.#abort.abort(reason);
  }

  async #think(): Promise<void> {
    const { source, clock } = this.#options;
    const sentences = new Sentences();
    let characters = 0;
    try {
      this.#llmSince = clock.now();
      for await (const part of source(this.#abort.signal)) {
        if (this.#over) return;
        this.#llmSince = clock.now();
        if (part.type === "tool") this.tools.push(part);
        else {
          this.moments.textAt ??= clock.now();
          characters += part.text.length;
          this.#say(sentences.push(part.text));
          if (characters > this.#options.maxCharacters) break;
        }
      }
      this.#say(sentences.end());
      this.#sayBeforeTools();
      if (this.#pieceCount === 0 && this.tools.length === 0)
        throw new ProviderError("model", "protocol", "an empty reply");
    } catch (error) {
      // Whole pieces are still said: half a sentence more is better than an apology in the middle of a word.
      if (!this.#over) this.#failure ??= { stage: "llm", error };
    }
    this.#llmSince = undefined;
    this.#pieces.close();
  }

  #say(pieces: readonly string[]): void {
    this.#pieceCount += pieces.length;
    this.pieces.push(...pieces);
    for (const piece of pieces) this.#pieces.push(piece);
  }

  #sayBeforeTools(): void {
    if (this.#pieceCount > 0) return;
    const words = this.tools.map((tool) => this.#options.wordsFor(tool)).find((text) => text !== undefined);
    if (words) this.#say([words]);
  }

  async #speak(): Promise<void> {
    const { media, clock, events } = this.#options;
    const { signal } = this.#abort;
    try {
      for await (const piece of this.#pieces) {
        if (this.#over) return;
        this.#announce(piece);
        this.#ttsSince = clock.now();
        const frames = new BoundedQueue<Frame>(MAX_AHEAD_FRAMES);
        void this.#read(piece, frames);
        for await (const frame of frames) {
          if (this.#over) return;
          this.#ttsSince = undefined;
          this.moments.frameAt ??= clock.now();
          if (!this.#put(frame)) await this.#room();
          if (this.#over) return;
          if (frames.length === 0) this.#ttsSince = clock.now();
        }
        this.#ttsSince = undefined;
      }
      await this.#released.promise;
      if (this.moments.writtenAt !== undefined) await media.drained(signal);
      else if (this.#pieceCount > 0) throw new ProviderError("voice", "protocol", "no sound");
    } catch (error) {
      this.#fail({ stage: "tts", error });
      return;
    }
    if (this.#over) return;
    if (this.#failure) {
      this.#fail(this.#failure);
      return;
    }
    this.#close();
    this.#ended = true;
    events.done();
  }

  /** Reads a piece to its end, ahead of what is played: its length is what tells which of its words were heard. */
  async #read(piece: string, frames: BoundedQueue<Frame>): Promise<void> {
    const { clock } = this.#options;
    try {
      for await (const frame of this.#voice(piece)) {
        if (this.#over) break;
        this.spoken.add(frame);
        frames.push(frame);
        while (frames.length >= MAX_AHEAD_FRAMES && !this.#over) await clock.sleep(WATCH_MS, this.#abort.signal);
      }
      this.spoken.end();
      frames.close();
    } catch (error) {
      frames.fail(error);
    }
  }

  #voice(piece: string): AsyncIterable<Frame> {
    const { tts, voice, language, media, events } = this.#options;
    return tts.speak(only(piece), {
      ...{ voice, language, rate: media.rate, signal: this.#abort.signal },
      onWords: (times) => this.spoken.words(times),
      onUsage: (usage) => events.usage?.(usage),
    });
  }

  #announce(piece: string): void {
    this.spoken.begin(piece);
    if (this.#sounding) this.#options.events.words(piece);
    else this.#announced.push(piece);
  }

  /** False: enough is prepared or queued. */
  #put(frame: Frame): boolean {
    if (this.#sounding) return this.#write(frame);
    this.#prepared.push(frame);
    this.#preparedMs += (frame.pcm.length * 1000) / frame.rate;
    return this.#preparedMs < PREPARED_MS;
  }

  #write(frame: Frame): boolean {
    const { media, clock, events } = this.#options;
    if (this.moments.writtenAt !== undefined) return media.write(frame);
    const behindMs = events.begins();
    this.#heardBeforeMs = Math.max(behindMs, media.heardMs);
    this.moments.writtenAt = clock.now();
    const room = media.write(frame);
    events.audio();
    return room;
  }

  async #room(): Promise<void> {
    if (!this.#sounding) return this.#released.promise;
    await this.#options.media.room(this.#abort.signal);
  }

  #fail(failure: { stage: Stage; error: unknown }): void {
    if (this.#over) return;
    this.#failure = failure;
    // A reply that nobody has asked for yet fails when it is asked for.
    if (!this.#sounding) {
      this.#pieces.close();
      return;
    }
    this.#close(failure.error);
    this.#options.events.failed(failure.stage, failure.error);
  }

  #checkStall(): void {
    const now = this.#options.clock.now();
    const stalled = (since: number | undefined): boolean => since !== undefined && now - since >= this.#options.stallMs;
    const stage = stalled(this.#ttsSince) ? "tts" : stalled(this.#llmSince) ? "llm" : undefined;
    if (stage) this.#fail({ stage, error: new ProviderError(stage, "timeout", "no answer for too long") });
  }
}

async function* only(piece: string): AsyncGenerator<string> {
  yield piece;
}
