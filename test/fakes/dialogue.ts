import type { Frame } from "../../src/audio/frame.ts";
import type { Clock } from "../../src/base/clock.ts";
import {
  type Dialogue,
  type DialogueReplyEvents,
  ProviderError,
  type SpeechToSpeech,
} from "../../src/conversation/providers.ts";
import type { FakeVoice } from "./voice.ts";

type Opening = Parameters<SpeechToSpeech["open"]>[0];

export interface FakeDialogueAnswer {
  readonly text?: string;
  readonly tool?: { readonly name: string; readonly input: Record<string, unknown> };
}

/** A model that hears and speaks itself. It understands what `hears` says, utterance by utterance, and speaks in the fakes' voice. */
export class FakeSpeech implements SpeechToSpeech {
  readonly name = "realtime";
  readonly #clock: Clock;
  readonly #voice: FakeVoice;
  hears: string[] = [];
  answer: (heard: string) => FakeDialogueAnswer = (heard) => ({ text: `You said ${heard}.` });
  /** From the end of an utterance to its words. */
  wordsMs = 300;
  firstMs = 200;
  /** After so many words of a reply nothing more comes. */
  stopsAfter: number | undefined;
  opening: Opening | undefined;
  frames = 0;
  utterances = 0;
  readonly cancelled: number[] = [];
  readonly told: string[] = [];
  readonly results: string[] = [];
  readonly said: (string | undefined)[] = [];
  #heard: string[] = [];

  constructor(clock: Clock, voice: FakeVoice) {
    this.#clock = clock;
    this.#voice = voice;
  }

  open(opening: Opening): Dialogue {
    this.opening = opening;
    return {
      listens: false,
      push: () => {
        this.frames += 1;
      },
      commit: () => this.#commit(opening),
      tell: (text) => void this.told.push(text),
      result: (_request, result) => void this.results.push(result),
      reply: ({ say, events }) => this.#reply(say, events, opening),
    };
  }

  lose(): void {
    this.opening?.events.lost(new ProviderError("realtime", "unreachable", "the connection broke"));
  }

  async close(): Promise<void> {}

  #commit({ events, signal }: Opening): number {
    this.utterances += 1;
    const utterance = this.utterances;
    const text = this.hears.shift() ?? "";
    if (text !== "") this.#heard.push(text);
    const timer = this.#clock.after(this.wordsMs, () => events.words({ utterance, text, final: true }));
    signal.addEventListener("abort", () => timer.cancel(), { once: true });
    return utterance;
  }

  #reply(say: string | undefined, events: DialogueReplyEvents, { signal, rate }: Opening) {
    this.said.push(say);
    let over = false;
    const answer = say === undefined ? this.answer(this.#heard.join(" ")) : { text: say };
    if (say === undefined) this.#heard = [];
    const speak = async (): Promise<void> => {
      let count = 0;
      for (const word of (answer.text ?? "").split(" ").filter(Boolean)) {
        count += 1;
        if (over || signal.aborted || (this.stopsAfter !== undefined && count > this.stopsAfter)) return;
        events.words(count === 1 ? word : ` ${word}`);
        for await (const frame of this.#frames(word, rate, signal)) events.audio(frame);
      }
      const { tool } = answer as FakeDialogueAnswer;
      if (over || signal.aborted) return;
      if (tool) events.tool({ id: "call_1", ...tool });
      events.done();
    };
    const timer = this.#clock.after(this.firstMs, () => void speak());
    signal.addEventListener("abort", () => timer.cancel(), { once: true });
    return {
      cancel: (heardMs: number) => {
        over = true;
        timer.cancel();
        this.cancelled.push(heardMs);
      },
    };
  }

  #frames(word: string, rate: Opening["rate"], signal: AbortSignal): AsyncIterable<Frame> {
    return this.#voice.speak(only(word), { rate, signal });
  }
}

async function* only(text: string): AsyncGenerator<string> {
  yield text;
}
