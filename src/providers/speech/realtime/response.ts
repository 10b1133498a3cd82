import type { SampleRate } from "../../../audio/frame.ts";
import type { Resampling } from "../../../audio/resample.ts";
import type { DialogueReplyEvents } from "../../../conversation/providers.ts";
import { ToolCalls } from "../../llm/tool-calls.ts";
import { type Coding, Sound } from "../../tts/live/sound.ts";

export interface ResponseOptions {
  readonly provider: string;
  readonly say: string | undefined;
  readonly coding: Coding;
  readonly rate: SampleRate;
  readonly events: DialogueReplyEvents;
}

interface Item {
  readonly id: string;
  ms: number;
}

/** One response of the server's, from when it was asked for to its `response.done`. */
export class Response {
  readonly #options: ResponseOptions;
  #sound: Sound | undefined;
  readonly #items: Item[] = [];
  readonly #tools: ToolCalls;
  id: string | undefined;
  /** How much of it was heard, once it was cancelled. */
  heardMs: number | undefined;
  done = false;

  constructor(options: ResponseOptions) {
    this.#options = options;
    this.#tools = new ToolCalls(options.provider);
  }

  get rate(): SampleRate {
    return this.#options.rate;
  }

  /** It is asked for now. */
  begin(resampling: Resampling | undefined): void {
    const { coding, rate } = this.#options;
    this.#sound = new Sound(coding, rate, resampling?.open({ from: coding.rate, to: rate }));
  }

  get say(): string | undefined {
    return this.#options.say;
  }

  get cancelled(): boolean {
    return this.heardMs !== undefined;
  }

  /** Whether anything came that the caller hears, or that is to be run. */
  get empty(): boolean {
    return this.#items.length === 0 && this.#tools.size === 0;
  }

  audio(itemId: string, bytes: Uint8Array): void {
    const sound = this.#sound;
    if (!sound) return;
    let item = this.#items.find(({ id }) => id === itemId);
    if (!item) {
      item = { id: itemId, ms: 0 };
      this.#items.push(item);
    }
    const beforeMs = sound.ms;
    for (const frame of sound.push(bytes)) if (!this.cancelled) this.#options.events.audio(frame);
    item.ms += sound.ms - beforeMs;
  }

  words(text: string): void {
    if (!this.cancelled && text !== "") this.#options.events.words(text);
  }

  /** Throws a ProviderError for more than any tool takes. */
  tool({ id, name, input }: { id: string; name: string; input: string }): void {
    this.#tools.complete(id, { id, name, input });
    const request = this.#tools.requests().at(-1);
    if (request && !this.cancelled) this.#options.events.tool(request);
  }

  end(): void {
    this.done = true;
    for (const frame of this.#sound?.end() ?? []) if (!this.cancelled) this.#options.events.audio(frame);
    this.#sound?.close();
    if (!this.cancelled) this.#options.events.done();
  }

  close(): void {
    this.#sound?.close();
  }

  /** What makes the server forget all that was not heard. */
  forget(): object[] {
    const said: object[] = [];
    let leftMs = this.heardMs ?? Number.POSITIVE_INFINITY;
    for (const { id, ms } of this.#items) {
      if (leftMs <= 0) said.push({ type: "conversation.item.delete", item_id: id });
      else if (leftMs < ms)
        said.push({
          type: "conversation.item.truncate",
          item_id: id,
          content_index: 0,
          audio_end_ms: Math.floor(leftMs),
        });
      leftMs -= ms;
    }
    return said;
  }
}
