/** One message of the Event Socket: its head as it was sent, not decoded, and its body. */
export interface EslMessage {
  /** Content-Type: "command/reply", "api/response", "text/event-plain", "auth/request" … */
  readonly type: string;
  readonly head: ReadonlyMap<string, string>;
  readonly body: string;
}

const LF = 10;
// The reply to `connect` is a head with every variable of the channel in it, two SDPs among them.
const MAX_HEAD_BYTES = 256 * 1024;
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Cuts the Event Socket's bytes into messages. Every byte is looked at once, however they arrive. */
export class EslReader {
  readonly #maxBodyBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Undefined: in the head. */
  #wanted: number | undefined;
  #head: ReadonlyMap<string, string> = new Map();

  constructor({ maxBodyBytes = MAX_BODY_BYTES }: { maxBodyBytes?: number } = {}) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Calls back for every message that is now complete. Returns what is wrong when the other side is no Event Socket; then nothing more may be pushed. */
  push(data: Buffer, onMessage: (message: EslMessage) => void): string | undefined {
    let at = 0;
    while (at < data.length) {
      if (this.#wanted === undefined) {
        const end = this.#endOfHead(data, at);
        if (end < 0) return this.#keep(data, at);
        const fault = this.#onHead(this.#take(data.subarray(at, end)));
        if (fault) return fault;
        at = end;
      } else {
        const end = at + this.#wanted - this.#bytes;
        if (end > data.length) return this.#keep(data, at);
        this.#tell(this.#take(data.subarray(at, end)), onMessage);
        at = end;
      }
      if (this.#wanted === 0) this.#tell("", onMessage);
    }
    return undefined;
  }

  /** Where the empty line that ends the head is over; -1: not in here. */
  #endOfHead(data: Buffer, at: number): number {
    // The head's own last line feed may have come with what is kept.
    const kept = this.#parts.at(-1);
    if (kept?.at(-1) === LF && data[at] === LF) return at + 1;
    // A line feed between two messages is nobody's.
    if (this.#bytes === 0 && data[at] === LF) return at + 1;
    const found = data.indexOf("\n\n", at, "latin1");
    return found < 0 ? -1 : found + 2;
  }

  #keep(data: Buffer, at: number): string | undefined {
    const rest = data.subarray(at);
    this.#parts.push(rest);
    this.#bytes += rest.length;
    if (this.#wanted === undefined && this.#bytes > MAX_HEAD_BYTES)
      return "The Event Socket sent a head without an end.";
    return undefined;
  }

  #take(tail: Buffer): string {
    const text = (this.#parts.length > 0 ? Buffer.concat([...this.#parts, tail]) : tail).toString();
    this.#parts = [];
    this.#bytes = 0;
    return text;
  }

  #onHead(text: string): string | undefined {
    if (text.length > MAX_HEAD_BYTES) return "The Event Socket sent a head that is too long.";
    const head = parseHead(text);
    if (head.size === 0) return text.trim() === "" ? undefined : "What listens there is no FreeSWITCH Event Socket.";
    if (!head.has("Content-Type")) return "What listens there is no FreeSWITCH Event Socket.";
    const length = head.get("Content-Length") ?? "0";
    if (!/^\d{1,15}$/.test(length)) return "The Event Socket sent a length that is no number.";
    if (Number(length) > this.#maxBodyBytes)
      return `The Event Socket sent a body of ${length} bytes, which is too long.`;
    this.#head = head;
    this.#wanted = Number(length);
    return undefined;
  }

  #tell(body: string, onMessage: (message: EslMessage) => void): void {
    const head = this.#head;
    this.#wanted = undefined;
    onMessage({ type: head.get("Content-Type") ?? "", head, body });
  }
}

/** Names and values, cut at the first ": ", as values may have one too. */
export function parseHead(text: string): Map<string, string> {
  const head = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) head.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return head;
}
