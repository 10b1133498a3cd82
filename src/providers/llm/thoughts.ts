const OPEN = "<think>";
const CLOSE = "</think>";
// A model that thinks for ever is stopped by the reply's deadline; this only bounds what is kept to find the end in.
const TAIL = CLOSE.length - 1;

/** Local models that reason write their thoughts into the text, between marks, before the answer: nobody is to hear them. */
export class Thoughts {
  #state: "unknown" | "thinking" | "over" = "unknown";
  #rest = "";

  /** Of the text, what is to be said. */
  push(text: string): string {
    if (this.#state === "over") return text;
    this.#rest += text;
    this.#look();
    return this.#over() ? this.#take() : "";
  }

  /** What was held back, when the text is over. */
  end(): string {
    return this.#state === "unknown" ? this.#take() : "";
  }

  #over(): boolean {
    return this.#state === "over";
  }

  #look(): void {
    const start = this.#rest.trimStart();
    if (this.#state === "unknown" && start.startsWith(OPEN)) this.#state = "thinking";
    if (this.#state === "unknown" && !OPEN.startsWith(start)) this.#state = "over";
    if (this.#state === "thinking") this.#think();
  }

  #think(): void {
    const end = this.#rest.indexOf(CLOSE);
    if (end < 0) {
      this.#rest = this.#rest.slice(-TAIL);
      return;
    }
    this.#rest = this.#rest.slice(end + CLOSE.length).trimStart();
    this.#state = "over";
  }

  #take(): string {
    const text = this.#rest;
    this.#rest = "";
    return text;
  }
}
