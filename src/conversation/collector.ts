import type { ToolRequest } from "./providers.ts";

/** What happens when nothing acceptable was pressed, however often it was asked for. */
export type Otherwise = "human" | "menu" | "agent" | { readonly transfer: string };

/** A number that is asked for and taken by keypad, out of the agent's file. */
export interface Collector {
  readonly name: string;
  /** For a model: when it is to be asked for. */
  readonly description: string;
  /** Said to the caller, who may begin to press meanwhile. */
  readonly ask: string;
  /** Said before asking again: what was pressed is not acceptable, or nothing was pressed. */
  readonly wrong: string;
  readonly nothing: string;
  readonly digits: {
    readonly min: number;
    readonly max: number;
    /** The key that ends it; empty: none does. */
    readonly finish: string;
    readonly regex?: string | undefined;
    /** How often it is asked for again. */
    readonly retries: number;
    /** What is pressed is known to tools' templates only. */
    readonly secure: boolean;
  };
  /** How long the first key is waited for, and each further one. */
  readonly firstMs: number;
  readonly betweenMs: number;
  readonly otherwise: Otherwise;
}

/** Takes back what was pressed so far, unless it is the key that ends it. */
const AGAIN = "*";

/** The keys of one try. */
export class Entry {
  readonly #digits: Collector["digits"];
  #pressed = "";

  constructor({ digits }: Pick<Collector, "digits">) {
    this.#digits = digits;
  }

  get pressed(): string {
    return this.#pressed;
  }

  /** True: it is complete, right or wrong. */
  press(key: string): boolean {
    const { finish, max } = this.#digits;
    if (key === finish) return true;
    if (key === AGAIN) this.#pressed = "";
    else this.#pressed += key;
    return this.#pressed.length >= max;
  }

  get acceptable(): boolean {
    const { min, max, regex } = this.#digits;
    const { length } = this.#pressed;
    if (length < min || length > max) return false;
    return regex === undefined || new RegExp(`^(?:${regex})$`).test(this.#pressed);
  }
}

/** The longest that it can take, all tries and questions included. */
export const longestMs = ({ digits, firstMs, betweenMs }: Collector): number =>
  (digits.retries + 1) * (ASK_MS + firstMs + digits.max * betweenMs);

const ASK_MS = 30_000;

/** The tool that asks for them. */
export const COLLECT = "collect_digits";

/** The collector that is asked for, as far as one of these requests names one. */
export const collectorIn = (requests: readonly ToolRequest[]): string | undefined => {
  const request = requests.find(({ name }) => name === COLLECT);
  return typeof request?.input.collector === "string" ? request.input.collector : undefined;
};
