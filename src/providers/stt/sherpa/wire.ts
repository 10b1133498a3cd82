import { abortable } from "../../../base/signals.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { Place, SherpaChild } from "../../sherpa/child.ts";
import type { LiveHearing, Pause, Wire } from "../live/hearing.ts";
import type { EarAnswer, EarAsk, EarSettings } from "./protocol.ts";

export type EarChild = SherpaChild<EarSettings, EarAsk, EarAnswer>;

/** Has the model loaded, and made ready for these hints. Rejects with the signal's reason or a ProviderError. */
export async function prepareChild(
  child: EarChild,
  { rate, hints, signal }: { rate: number; hints: readonly string[]; signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const place = child.enter({ onAnswer: () => resolve(), onLost: reject });
  try {
    place.post({ type: "open", place: place.place, rate, hints });
    await abortable(promise, signal);
  } finally {
    place.post({ type: "close", place: place.place });
    place.leave();
  }
}

/** A call's place in the listening process. */
export class SherpaWire implements Wire {
  readonly #hearing: LiveHearing;
  readonly #provider: string;
  readonly #place: Place<EarAsk>;

  constructor(
    hearing: LiveHearing,
    { child, provider, rate, hints }: { child: EarChild; provider: string; rate: number; hints: readonly string[] },
  ) {
    this.#hearing = hearing;
    this.#provider = provider;
    this.#place = child.enter({
      onAnswer: (answer) => this.#receive(answer),
      onLost: (error) => hearing.lost(error),
    });
    this.#place.post({ type: "open", place: this.#place.place, rate, hints });
  }

  audio(pcm: Int16Array): void {
    this.#place.post({ type: "audio", place: this.#place.place, pcm: pcm.slice() });
  }

  finish(_pause: Pause): void {
    this.#place.post({ type: "finish", place: this.#place.place });
  }

  close(): void {
    this.#place.post({ type: "close", place: this.#place.place });
    this.#place.leave();
  }

  #receive(answer: EarAnswer): void {
    const hearing = this.#hearing;
    if (answer.type === "open") {
      hearing.ready();
      return;
    }
    if (answer.type === "failed") {
      hearing.lost(new ProviderError(this.#provider, "protocol", answer.message));
      return;
    }
    hearing.heardOf();
    // What comes while a final is under way comes with it.
    if (answer.type === "heard") {
      if (answer.text && !hearing.waiting) hearing.say({ text: answer.text, final: false });
      return;
    }
    const { text, confidence } = answer;
    const told = { text, ...(confidence !== undefined && { confidence }) };
    if (answer.type === "final") hearing.answer(told);
    else hearing.say({ ...told, final: true, turnEnd: true });
  }
}
