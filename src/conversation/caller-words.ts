import { plain } from "./language.ts";
import type { Transcript } from "./providers.ts";

/** What the caller has said since the agent last answered: finals, and the partial that the next final replaces. */
export class CallerWords {
  readonly #limit: number;
  #finals = "";
  #partial = "";
  /** The partial that was answered before its final had come. */
  #answered: string | undefined;

  constructor({ limit }: { limit: number }) {
    this.#limit = limit;
  }

  get text(): string {
    return `${this.#finals} ${this.#partial}`.trim();
  }

  /** A partial is open: the utterance has no final yet. */
  get open(): boolean {
    return this.#partial !== "";
  }

  /** True when there are words, and others than before. */
  hear({ text, final }: Transcript): boolean {
    const before = plain(this.text);
    if (this.#answered !== undefined) {
      const known = plain(text) === this.#answered || (final && text.trim() === "");
      if (final || !known) this.#answered = undefined;
      if (known) return false;
    }
    if (final) {
      this.#finals = `${this.#finals} ${text}`.trim().slice(0, this.#limit);
      this.#partial = "";
    } else {
      this.#partial = text.trim().slice(0, Math.max(0, this.#limit - this.#finals.length));
    }
    const after = plain(this.text);
    return after !== "" && after !== before;
  }

  /** No final will come for what is open: the ear was lost. */
  settle(): void {
    this.#finals = this.text;
    this.#partial = "";
  }

  /** The words were answered. `pending`: the final of the open partial is still to come, and is no news unless it says something else. */
  answered({ pending }: { pending: boolean }): void {
    this.#answered = pending && this.#partial !== "" ? plain(this.#partial) : undefined;
    this.#finals = "";
    this.#partial = "";
  }

  /** They meant nothing: a back-channel, or an echo. */
  drop(): void {
    this.#finals = "";
    this.#partial = "";
  }
}
