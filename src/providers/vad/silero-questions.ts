import { setImmediate as afterThisRound } from "node:timers";
import { joined } from "../../audio/joined.ts";
import type { SileroQuestion, SileroQuestions } from "./silero-worker.ts";

/**
 * What all callers ask in one round of the event loop goes to the thread in one message: a message costs more than most of the
 * questions in it, and under load many frames come in one round.
 */
export class Questions {
  readonly #post: (message: SileroQuestions) => boolean;
  #questions: SileroQuestion[] = [];
  #audio: Int16Array[] = [];
  /** The thread took the last message. */
  #taken = true;

  constructor(post: (message: SileroQuestions) => boolean) {
    this.#post = post;
  }

  /** False: the thread did not take what was asked last, and is unlikely to take this. It is asked all the same. */
  ask(question: Omit<SileroQuestion, "samples">, pcm: Int16Array): boolean {
    if (this.#questions.length === 0) afterThisRound(this.#send);
    this.#questions.push({ ...question, samples: pcm.length });
    this.#audio.push(pcm);
    return this.#taken;
  }

  readonly #send = (): void => {
    const pcm = joined(this.#audio);
    const questions = this.#questions;
    this.#questions = [];
    this.#audio = [];
    this.#taken = this.#post({ questions, pcm });
  };
}
