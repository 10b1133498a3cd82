/** The kinds of AudioSocket's messages that we read or write: kind, length (2 bytes, big endian), payload. */
export const KIND = { hangup: 0x00, id: 0x01, digit: 0x03, slin: 0x10, slin16: 0x12, error: 0xff } as const;

const HEADER_BYTES = 3;
// 200 ms at 16 kHz; no message of ours or of Asterisk's is longer.
const MAX_PAYLOAD_BYTES = 6400;

/** Cuts the bytes of one connection into messages. The payload is valid during the call only. */
export class AudioSocketReader {
  readonly #buffer = Buffer.alloc(HEADER_BYTES + MAX_PAYLOAD_BYTES);
  #filled = 0;

  /** Returns what is wrong when the other side does not speak AudioSocket. */
  push(data: Buffer, onMessage: (kind: number, payload: Buffer) => void): string | undefined {
    for (let at = 0; at < data.length; ) {
      const wanted = this.#wanted();
      if (wanted > this.#buffer.length) return `a message of ${wanted} bytes`;
      const part = data.copy(this.#buffer, this.#filled, at, at + wanted - this.#filled);
      this.#filled += part;
      at += part;
      if (this.#filled < HEADER_BYTES || this.#filled < this.#wanted()) continue;
      const end = this.#filled;
      this.#filled = 0;
      onMessage(this.#buffer.readUInt8(0), this.#buffer.subarray(HEADER_BYTES, end));
    }
    return this.#filled >= HEADER_BYTES && this.#wanted() > this.#buffer.length
      ? "a message that is too long"
      : undefined;
  }

  #wanted(): number {
    return this.#filled < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + this.#buffer.readUInt16BE(1);
  }
}

export function audioSocketMessage(kind: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const message = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  message[0] = kind;
  message.writeUInt16BE(payload.length, 1);
  message.set(payload, HEADER_BYTES);
  return message;
}

/** The 16 bytes of an id as Asterisk writes it in the dialplan. */
export const uuidOf = (bytes: Buffer): string =>
  bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
