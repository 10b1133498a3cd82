import { type EslMessage, parseHead } from "./reader.ts";

/** What happened, as FreeSWITCH tells it. Nothing is read before it is asked for: of a hundred headers an event is read for three. */
export class EslEvent {
  readonly #text: string;
  readonly #json: boolean;
  #fields: ReadonlyMap<string, string> | undefined;

  constructor(text: string, format: "plain" | "json") {
    this.#text = text;
    this.#json = format === "json";
  }

  /** Undefined: the message is no event. */
  static of({ type, body }: EslMessage): EslEvent | undefined {
    if (type === "text/event-plain") return new EslEvent(body, "plain");
    if (type === "text/event-json") return new EslEvent(body, "json");
    return undefined;
  }

  get name(): string {
    return this.get("Event-Name");
  }

  /** A header's value, decoded; empty when it is not there. */
  get(header: string): string {
    if (this.#json || this.#fields) return this.#all().get(header) ?? "";
    return decodeValue(this.#find(header));
  }

  /** What a BACKGROUND_JOB brings, and the like. */
  get body(): string {
    if (this.#json) return this.get("_body");
    const end = this.#text.indexOf("\n\n");
    return end < 0 ? "" : this.#text.slice(end + 2);
  }

  /** Every header, decoded. */
  entries(): ReadonlyMap<string, string> {
    return this.#all();
  }

  #find(header: string): string {
    const text = this.#text;
    const label = `${header}: `;
    const at = text.startsWith(label) ? 0 : text.indexOf(`\n${label}`) + 1;
    if (at === 0 && !text.startsWith(label)) return "";
    // What follows the empty line is a body, and no header of this event.
    const head = text.indexOf("\n\n");
    if (head >= 0 && at > head) return "";
    const end = text.indexOf("\n", at);
    return text.slice(at + label.length, end < 0 ? undefined : end);
  }

  #all(): ReadonlyMap<string, string> {
    this.#fields ??= this.#json ? jsonFields(this.#text) : decodedHead(this.#text.split("\n\n", 1)[0] ?? "");
    return this.#fields;
  }
}

/** A head in which every value is URL-encoded: an event's, and the reply to `connect`. No other reply is. */
export function decodedHead(head: string | ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const decoded = new Map<string, string>();
  for (const [name, value] of typeof head === "string" ? parseHead(head) : head) decoded.set(name, decodeValue(value));
  return decoded;
}

export function decodeValue(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    // A trunk that sends names in Latin-1: bytes that are no UTF-8 are taken for what they were.
    return value.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** Empty where it is no JSON object. A list is written as in plain events. */
function jsonFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(parseObject(text))) {
    if (typeof value === "string") fields.set(name, value);
    else if (Array.isArray(value)) fields.set(name, `ARRAY::${value.join("|:")}`);
  }
  return fields;
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
