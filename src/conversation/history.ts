import type { Message, ToolRequest } from "./providers.ts";

/**
 * What the model is told of the call so far: what the caller said, and of the agent's own words those that were heard.
 * Bounded: the oldest messages are forgotten, the prompt is not.
 */
export class History {
  readonly #prompt: () => string;
  readonly #limit: number;
  readonly #messages: Message[] = [];

  constructor({ prompt, limit }: { prompt: string | (() => string); limit: number }) {
    this.#prompt = typeof prompt === "string" ? () => prompt : prompt;
    this.#limit = limit;
  }

  /** As the agent has it in the language that is spoken now. */
  get #system(): readonly Message[] {
    const content = this.#prompt();
    return content === "" ? [] : [{ role: "system", content }];
  }

  caller(text: string): void {
    if (text === "") return;
    const last = this.#messages.at(-1);
    if (last?.role === "user")
      this.#messages[this.#messages.length - 1] = { role: "user", content: `${last.content} ${text}` };
    else this.#add({ role: "user", content: text });
  }

  /** `heard`: the words that reached the caller. Of a reply that did not, and asked for nothing, nothing is kept. */
  agent(heard: string, tools: readonly ToolRequest[] = []): void {
    if (heard === "" && tools.length === 0) return;
    this.#add({ role: "assistant", content: heard, ...(tools.length > 0 && { tools }) });
  }

  tool({ id }: ToolRequest, result: string): void {
    this.#add({ role: "tool", content: result, toolId: id });
  }

  /** The messages for the next reply; `question`: what the caller has said since, not kept until it is answered. */
  messages(question = ""): Message[] {
    const last = this.#messages.at(-1);
    if (question === "") return [...this.#system, ...this.#messages];
    if (last?.role !== "user") return [...this.#system, ...this.#messages, { role: "user", content: question }];
    // A reply of which nothing was heard left the first question open: the two are one.
    return [...this.#system, ...this.#messages.slice(0, -1), { role: "user", content: `${last.content} ${question}` }];
  }

  #add(message: Message): void {
    this.#messages.push(message);
    while (this.#messages.length > this.#limit) this.#messages.shift();
    // An answer whose request was forgotten is refused by every model server.
    while (this.#messages[0]?.role === "tool") this.#messages.shift();
  }
}
