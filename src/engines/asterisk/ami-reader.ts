/** One message: fields by name in small letters; of a name that comes twice, the last. */
export type AmiMessage = Readonly<Record<string, string | undefined>>;

const MAX_LINE_BYTES = 64 * 1024;
const MAX_FIELDS = 2000;

/** Cuts the manager interface's bytes into messages. Every byte is looked at once, however they arrive. */
export class AmiReader {
  /** The line with which Asterisk greets, once it is there. */
  greeting: string | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #fields: Record<string, string> = {};
  #count = 0;

  /** Calls back for every message that is now complete. Returns what is wrong when the other side is no Asterisk. */
  push(data: Buffer, onMessage: (message: AmiMessage) => void): string | undefined {
    let start = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      const fault = this.#line(data.subarray(start, end), onMessage);
      if (fault) return fault;
      start = end + 1;
    }
    const rest = data.subarray(start);
    if (rest.length > 0) this.#parts.push(rest);
    this.#bytes += rest.length;
    return this.#bytes > MAX_LINE_BYTES ? "The manager interface sent a line without an end." : undefined;
  }

  #line(tail: Buffer, onMessage: (message: AmiMessage) => void): string | undefined {
    if (this.#bytes + tail.length > MAX_LINE_BYTES) return "The manager interface sent a line that is too long.";
    const line = (this.#parts.length > 0 ? Buffer.concat([...this.#parts, tail]) : tail).toString().replace(/\r$/, "");
    this.#parts = [];
    this.#bytes = 0;
    if (this.greeting === undefined) {
      this.greeting = line;
      return line.startsWith("Asterisk Call Manager")
        ? undefined
        : "What listens there is no Asterisk manager interface.";
    }
    if (line === "") {
      if (this.#count > 0) onMessage(this.#fields);
      this.#fields = {};
      this.#count = 0;
      return undefined;
    }
    if (++this.#count > MAX_FIELDS) return "The manager interface sent a message without an end.";
    const colon = line.indexOf(":");
    if (colon > 0) this.#fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trimStart();
    return undefined;
  }
}
