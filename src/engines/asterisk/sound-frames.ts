import type { Duplex } from "node:stream";

const HEADER_BYTES = 8;
const FINAL_BINARY = 0x82;
/** Masked, and the length stands in the two bytes that follow. For payloads of 126 bytes to 64 KB: every frame of a call's. */
const MASKED_LONG = 0x80 | 126;

/**
 * What is played to one caller, as binary messages of 20 ms each (RFC 6455, section 5.2): those of one tick leave in one write, and
 * out of a buffer that is used again once the kernel has taken it. It is masked with zeros, that is not at all: masks guard proxies
 * against scripts of strangers, and here is neither.
 */
export class SoundFrames {
  readonly #connection: Duplex;
  readonly #messageBytes: number;
  readonly #frames: number;
  #buffer: Buffer;
  #used = 0;
  readonly #leave = (): void => this.flush();

  constructor(connection: Duplex, { frameBytes, frames }: { frameBytes: number; frames: number }) {
    this.#connection = connection;
    this.#messageBytes = HEADER_BYTES + frameBytes;
    this.#frames = frames;
    this.#buffer = this.#prepared();
  }

  /** Copies. They leave at the end of this tick, or with `flush`. */
  add(pcm: Int16Array): void {
    if (this.#used === 0) process.nextTick(this.#leave);
    this.#buffer.set(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength), this.#used + HEADER_BYTES);
    this.#used += this.#messageBytes;
    if (this.#used === this.#buffer.length) this.flush();
  }

  /** Now, because something else is to follow. */
  flush(): void {
    if (this.#used === 0) return;
    const { writable } = this.#connection;
    if (writable) this.#connection.write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
    if (this.#connection.writableLength > 0) this.#buffer = this.#prepared();
  }

  #prepared(): Buffer {
    const buffer = Buffer.alloc(this.#messageBytes * this.#frames);
    for (let at = 0; at < buffer.length; at += this.#messageBytes) {
      buffer[at] = FINAL_BINARY;
      buffer[at + 1] = MASKED_LONG;
      buffer.writeUInt16BE(this.#messageBytes - HEADER_BYTES, at + 2);
    }
    return buffer;
  }
}
