import { setImmediate as afterThisRound } from "node:timers";
import { joined } from "../../audio/joined.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { SileroQuestion, SileroQuestions } from "./silero-worker.ts";

// What can wait does so for less than a frame: its answer is there before the next frame all the same.
const PATIENCE_MS = 10;

/**
 * What all callers ask in one round of the event loop goes to the thread in one message: a message costs more than most of the
 * questions in it, and under load many frames come in one round. What can wait goes along with the next question that cannot,
 * or after 10 ms.
 */
export class Questions {
  readonly #post: (message: SileroQuestions) => boolean;
  readonly #clock: Pick<Clock, "after">;
  #questions: SileroQuestion[] = [];
  #audio: Int16Array[] = [];
  #hurries = false;
  #waiting: Timer | undefined;
  /** The thread took the last message. */
  #taken = true;

  constructor(post: (message: SileroQuestions) => boolean, clock: Pick<Clock, "after">) {
    this.#post = post;
    this.#clock = clock;
  }

  /** False: the thread did not take what was asked last, and is unlikely to take this. It is asked all the same. */
  ask(question: Omit<SileroQuestion, "samples">, pcm: Int16Array, { canWait = false } = {}): boolean {
    this.#questions.push({ ...question, samples: pcm.length });
    this.#audio.push(pcm);
    if (canWait && !this.#hurries) this.#waiting ??= this.#clock.after(PATIENCE_MS, this.#send);
    else if (!this.#hurries) {
      this.#hurries = true;
      afterThisRound(this.#send);
    }
    return this.#taken;
  }

  readonly #send = (): void => {
    this.#waiting?.cancel();
    this.#waiting = undefined;
    this.#hurries = false;
    if (this.#questions.length === 0) return;
    const pcm = joined(this.#audio);
    const questions = this.#questions;
    this.#questions = [];
    this.#audio = [];
    this.#taken = this.#post({ questions, pcm });
  };
}
