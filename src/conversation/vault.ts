import { randomInt } from "node:crypto";

const TOKEN_LETTERS = 24;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const SECRETS_MAX = 32;
/** So short a number stands in many an answer that says nothing of it: it is found where it stands alone. */
const ALONE_DIGITS = 4;
const REMOVED = "[removed]";

/**
 * A call's secrets: what its callers press in secure collectors. Whoever asks for them gets a token, of letters alone and
 * good for nothing in another call. What a token stands for is told to a tool's template only, by the collector's name.
 */
export class Vault {
  readonly #secrets = new Map<string, { readonly collector: string; readonly digits: string }>();

  /** The token for it. The oldest of too many are forgotten. */
  keep(collector: string, digits: string): string {
    const token = `token-${Array.from({ length: TOKEN_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]).join("")}`;
    this.#secrets.set(token, { collector, digits });
    const [oldest] = this.#secrets.keys();
    if (this.#secrets.size > SECRETS_MAX && oldest !== undefined) this.#secrets.delete(oldest);
    return token;
  }

  /** Undefined: no token of this call's, or of another collector. */
  reveal(token: string, collector: string): string | undefined {
    const secret = this.#secrets.get(token);
    return secret?.collector === collector ? secret.digits : undefined;
  }

  /** The text without them: an answer may tell what was asked. Also where they stand in groups, "1234 5678". */
  redact(text: string): string {
    let clean = text;
    for (const { digits } of this.#secrets.values()) {
      const grouped = Array.from(digits, (digit) => (/\d/.test(digit) ? digit : `\\${digit}`)).join("[\\s.,/_-]{0,3}");
      const alone = digits.length < ALONE_DIGITS;
      clean = clean.replace(new RegExp(alone ? `(?<!\\d)${grouped}(?!\\d)` : grouped, "g"), REMOVED);
    }
    return clean;
  }

  /** The call is over. */
  clear(): void {
    this.#secrets.clear();
  }
}
