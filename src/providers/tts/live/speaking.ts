import type { Frame } from "../../../audio/frame.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import type { BoundedQueue } from "../../../base/queue.ts";
import { OVER } from "../../../base/signals.ts";
import { ProviderError, type SpeakOptions, type WordTime } from "../../../conversation/providers.ts";
import { speechBill } from "../../llm/bill.ts";
import { speakableParts } from "../pieces.ts";
import type { Context, ContextEvent } from "./line.ts";
import { type Coding, resamplerFor, Sound } from "./sound.ts";

export interface Speaking {
  readonly provider: string;
  readonly clock: Clock;
  readonly firstMs: number;
  readonly stallMs: number;
  readonly coding: Coding;
  readonly price: number | undefined;
  /** Called when there is something to say. */
  open(): Context;
}

// What is there already goes on in pieces of up to 100 ms: on its way to the caller every piece passes a dozen hands, and each costs.
const FRAMES_AT_ONCE = 5;

/** Speaks what comes through one context: what is to be said goes in while what was said comes out. */
export async function* speakThrough(
  text: AsyncIterable<string>,
  speaking: Speaking,
  options: SpeakOptions,
): AsyncGenerator<Frame, void, undefined> {
  const { signal, rate } = options;
  if (signal.aborted) return;
  const resampler = await resamplerFor(speaking.coding, rate);
  const speech = new Speech(speaking, new Sound(speaking.coding, rate, resampler, { atOnce: FRAMES_AT_ONCE }), options);
  try {
    yield* speech.run(text);
  } finally {
    speech.close();
  }
}

class Speech {
  readonly #speaking: Speaking;
  readonly #options: SpeakOptions;
  readonly #sound: Sound;
  readonly #over = new AbortController();
  #context: Context | undefined;
  #characters = 0;
  #ended = false;
  #sounded = false;

  constructor(speaking: Speaking, sound: Sound, options: SpeakOptions) {
    this.#speaking = speaking;
    this.#sound = sound;
    this.#options = options;
  }

  async *run(text: AsyncIterable<string>): AsyncGenerator<Frame, void, undefined> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#over.abort(OVER);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const begun = await this.#write(text);
      if (!begun || !this.#context) return;
      yield* this.#listen(this.#context.events);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  close(): void {
    this.#over.abort(OVER);
    this.#context?.cancel();
    this.#sound.close();
    const { provider, price } = this.#speaking;
    if (this.#characters > 0) this.#options.onUsage?.(speechBill(provider, price, this.#characters));
  }

  /** Resolves when the first words were sent, false where there are none; goes on with the others by itself. */
  #write(text: AsyncIterable<string>): Promise<boolean> {
    const first = Promise.withResolvers<boolean>();
    const reader = text[Symbol.asyncIterator]();
    const gone = new Promise<undefined>((resolve) => {
      this.#over.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const read = async (): Promise<void> => {
      for (;;) {
        const coming = reader.next();
        coming.catch(() => undefined);
        const next = await Promise.race([coming, gone]);
        if (next === undefined) break;
        if (next.done) {
          this.#end();
          break;
        }
        for (const part of speakableParts(next.value)) this.#say(part);
        if (this.#context) first.resolve(true);
      }
      first.resolve(this.#context !== undefined);
      // Whoever gives the text may be waiting for a model that is not heard of any more: nobody waits for that.
      reader.return?.()?.catch(() => undefined);
    };
    read().catch((error: unknown) => {
      first.reject(error);
      this.#context?.events.fail(error);
    });
    return first.promise;
  }

  #say(part: string): void {
    this.#context ??= this.#speaking.open();
    this.#characters += part.length;
    this.#context.say(part);
  }

  #end(): void {
    this.#ended = true;
    this.#context?.end();
    // Wakes the listener: from now on it may count how long nothing comes.
    this.#context?.events.push({});
  }

  async *#listen(events: BoundedQueue<ContextEvent>): AsyncGenerator<Frame, void, undefined> {
    const { onWords } = this.#options;
    let late = this.#watch(events);
    try {
      for await (const event of stopping(events, this.#over.signal)) {
        late?.cancel();
        if (event.error) throw event.error;
        if (event.words) onWords?.(shifted(event.words, this.#sound.ms));
        if (event.audio && event.audio.length > 0) {
          this.#sounded = true;
          yield* this.#sound.push(event.audio);
        }
        if (event.done) break;
        late = this.#watch(events);
      }
    } finally {
      late?.cancel();
    }
    if (this.#over.signal.aborted) return;
    if (!this.#sounded) throw new ProviderError(this.#speaking.provider, "protocol", "it made no sound");
    yield* this.#sound.end();
  }

  /** While the text goes on, silence may be the model's; before the first sound, and after the last words, it is the voice's. */
  #watch(events: BoundedQueue<ContextEvent>): Timer | undefined {
    if (this.#sounded && !this.#ended) return undefined;
    const { clock, provider, firstMs, stallMs } = this.#speaking;
    const ms = this.#sounded ? stallMs : firstMs;
    const told = this.#sounded ? `silent in the middle for ${ms} ms` : `no sound within ${ms} ms`;
    return clock.after(ms, () => events.fail(new ProviderError(provider, "timeout", told)));
  }
}

/** Ends quietly, in the same tick, when the signal aborts. */
async function* stopping<T>(items: BoundedQueue<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const stop = (): void => items.close();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const item of items) {
      if (signal.aborted) return;
      yield item;
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

const shifted = ({ times, from }: NonNullable<ContextEvent["words"]>, chunkMs: number): readonly WordTime[] =>
  from === "context"
    ? times
    : times.map(({ text, startMs, endMs }) => ({ text, startMs: startMs + chunkMs, endMs: endMs + chunkMs }));
