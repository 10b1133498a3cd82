import type { Frame } from "../audio/frame.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { BoundedQueue } from "../base/queue.ts";
import { type Dialogue, ProviderError, type ToolRequest } from "./providers.ts";
import type { ReplyEvents, ReplyMoments, VoicedReply } from "./reply.ts";
import { Sentences } from "./sentences.ts";
import { Spoken } from "./spoken.ts";

export interface DialogueReplyOptions {
  readonly dialogue: Dialogue;
  /** The pace of its voice, where it has spoken before. */
  readonly msPerCharacter?: number;
  /** What is to be said; absent: the model's answer. */
  readonly say?: string;
  readonly wordsFor: (tool: ToolRequest) => string | undefined;
  readonly media: MediaStream;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly events: Omit<ReplyEvents, "failed" | "usage"> & {
    /** The dialogue is lost; what came of the reply is still heard to its end. */
    dying(): void;
    /** It is lost, and nothing (more) of the reply is heard. */
    lost(error: unknown): void;
    /** The model said nothing for too long. */
    stalled(error: ProviderError): void;
  };
}

// The model speaks faster than it is heard: five minutes of it are longer than any reply.
const MAX_AHEAD_FRAMES = 15_000;
const NOT_RUN = "Not run: the caller spoke before.";

/** One reply of a model that speaks itself. As Reply: it sounds from `release` on, and `cancel` is a fence. */
export class DialogueReply implements VoicedReply {
  readonly tools: ToolRequest[] = [];
  readonly spoken: Spoken;
  readonly moments: ReplyMoments = {};
  readonly #options: DialogueReplyOptions;
  readonly #abort = new AbortController();
  readonly #sentences = new Sentences();
  readonly #frames = new BoundedQueue<Frame>(MAX_AHEAD_FRAMES);
  #stall: Timer | undefined;
  #asked: { cancel(heardMs: number): void } | undefined;
  #heardBeforeMs = 0;
  #over = false;
  #complete = false;
  #saysTool = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: DialogueReplyOptions) {
    this.#options = options;
    this.spoken = new Spoken(options);
  }

  get heardMs(): number {
    return this.moments.writtenAt === undefined ? 0 : Math.max(0, this.#options.media.heardMs - this.#heardBeforeMs);
  }

  release(): void {
    if (this.#asked || this.#over) return;
    this.spoken.begin("");
    this.#ask(this.#options.say);
    void this.#play();
  }

  cancel(): number {
    if (this.#over) return 0;
    // Silence first: the model is told after.
    const heardMs =
      this.moments.writtenAt === undefined ? 0 : Math.max(0, this.#options.media.clear() - this.#heardBeforeMs);
    this.#close();
    if (!this.#failure) this.#asked?.cancel(heardMs);
    this.refuse();
    return heardMs;
  }

  /** The tools that it asked for are not run: the model waits for no result. */
  refuse(): void {
    if (this.#failure) return;
    for (const tool of this.tools) this.#options.dialogue.result(tool, NOT_RUN);
  }

  /** The dialogue is lost. What has come is played to its end. */
  lose(error: unknown): void {
    if (this.#over || this.#failure) return;
    this.#failure = { error };
    this.#stall?.cancel();
    if (this.moments.writtenAt !== undefined) this.#options.events.dying();
    this.#frames.close();
  }

  #ask(say: string | undefined): void {
    this.#watch();
    this.#asked = this.#options.dialogue.reply({
      ...(say !== undefined && { say }),
      events: {
        audio: (frame) => this.#onAudio(frame),
        words: (text) => this.#onWords(text),
        tool: (request) => {
          this.#watch();
          if (!this.#saysTool) this.tools.push(request);
        },
        done: () => this.#onDone(),
      },
    });
  }

  #onAudio(frame: Frame): void {
    if (this.#over) return;
    this.#watch();
    this.moments.textAt ??= this.#options.clock.now();
    this.moments.frameAt ??= this.#options.clock.now();
    this.spoken.add(frame);
    this.#frames.push(frame);
  }

  #onWords(text: string): void {
    if (this.#over) return;
    this.#watch();
    this.moments.textAt ??= this.#options.clock.now();
    this.spoken.more(text);
    this.#show(this.#sentences.push(text));
  }

  #onDone(): void {
    if (this.#over || this.#failure) return;
    const words = this.tools.map((tool) => this.#options.wordsFor(tool)).find((text) => text !== undefined);
    if (this.spoken.ms === 0 && words !== undefined && !this.#saysTool) {
      this.#saysTool = true;
      this.#ask(words);
      return;
    }
    this.#stall?.cancel();
    this.#complete = true;
    this.#show(this.#sentences.end());
    this.spoken.end();
    this.#frames.close();
  }

  #show(pieces: readonly string[]): void {
    for (const piece of pieces) this.#options.events.words(piece);
  }

  async #play(): Promise<void> {
    const { media, events } = this.#options;
    const { signal } = this.#abort;
    try {
      for await (const frame of this.#frames) {
        if (this.#over) return;
        if (!this.#write(frame)) await media.room(signal);
        if (this.#over) return;
      }
      if (this.moments.writtenAt !== undefined) await media.drained(signal);
    } catch (error) {
      // It was cancelled while it waited; anything else is the media's, and the dialogue's no more.
      if (!this.#over) this.#failure ??= { error };
    }
    if (this.#over) return;
    this.#close();
    if (this.#complete && !this.#failure) events.done();
    else events.lost(this.#failure?.error);
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

  /** From one sign of life to the next. */
  #watch(): void {
    const { clock, stallMs, events } = this.#options;
    this.#stall?.cancel();
    if (this.#over || this.#complete) return;
    this.#stall = clock.after(stallMs, () =>
      events.stalled(new ProviderError("speech", "timeout", `nothing of a reply within ${stallMs} ms`)),
    );
  }

  #close(): void {
    this.#over = true;
    this.#stall?.cancel();
    this.#frames.close();
    this.#abort.abort();
  }
}
