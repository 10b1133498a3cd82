import type { ReplyPart, Usage } from "../../conversation/providers.ts";
import { billOf, estimateOf, type TokenPrices, type Tokens } from "./bill.ts";
import { charactersOf, type Prepared } from "./messages.ts";

/** What one reply takes: as the server says, else estimated, once it has begun to answer. */
export class Meter {
  readonly #provider: string;
  readonly #prices: TokenPrices;
  readonly #prepared: Prepared;
  #tokens: Tokens | undefined;
  #accepted = false;
  #written = 0;

  constructor(provider: string, prices: TokenPrices, prepared: Prepared) {
    this.#provider = provider;
    this.#prices = prices;
    this.#prepared = prepared;
  }

  accepted(): void {
    this.#accepted = true;
  }

  told(tokens: Tokens): void {
    this.#tokens = tokens;
  }

  wrote(part: ReplyPart): void {
    this.#written += part.type === "text" ? part.text.length : JSON.stringify(part.input).length;
  }

  /** Undefined: it was not asked at all, or refused. */
  get usage(): Usage | undefined {
    if (!this.#tokens && !this.#accepted) return undefined;
    const tokens = this.#tokens ?? estimateOf({ sent: charactersOf(this.#prepared), written: this.#written });
    return billOf(this.#provider, this.#prices, tokens);
  }
}
