import { CallerWords } from "./caller-words.ts";
import type { ReplyKind } from "./exchange.ts";

/** What waits for an answer: the caller's words and keys, or something that the agent was about to say when it was cut off unheard. */
export class Question {
  readonly words: CallerWords;
  readonly #digitLimit: number;
  #digits = "";
  /** Not yet said, although it should have been: the greeting, say, when the line clicked. */
  owed: ReplyKind | undefined;
  /** When the first of it was said, by the clock's `now`. */
  startedAt: number | undefined;

  constructor({ characters, digits }: { characters: number; digits: number }) {
    this.words = new CallerWords({ limit: characters });
    this.#digitLimit = digits;
  }

  get text(): string {
    return `${this.words.text} ${this.#digits}`.trim();
  }

  /** The keys among it. */
  get digits(): string {
    return this.#digits;
  }

  get open(): boolean {
    return this.text !== "" || this.owed !== undefined;
  }

  press(digit: string, now: number): void {
    this.startedAt ??= now;
    if (this.#digits.length < this.#digitLimit) this.#digits += digit;
  }

  /** `pending`: the final words of an answered partial are still to come. */
  answered({ pending }: { pending: boolean }): void {
    this.words.answered({ pending });
    this.#digits = "";
    this.owed = undefined;
    this.startedAt = undefined;
  }
}
