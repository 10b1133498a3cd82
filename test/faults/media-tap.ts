import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const TEXT = 1;
const BINARY = 2;

/** A wire between the worker and the PBX, on whose media sockets somebody else can speak as if it were the PBX. */
export class MediaTap {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #waiting: Buffer[] = [];

  constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, "127.0.0.1");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          other.destroy();
          this.#sockets.delete(one);
        });
      }
      near.once("data", (head) => {
        far.write(head);
        near.pipe(far);
        if (head.toString("latin1").startsWith("GET /media/")) this.#tap(far, near);
        else far.pipe(near);
      });
    });
  }

  async open(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** Said between two messages of the PBX, as soon as there is one. */
  say(message: string | Uint8Array): void {
    this.#waiting.push(frameOf(message));
  }

  /** All of it has been said. */
  get silent(): boolean {
    return this.#waiting.length === 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Passes everything on, whole messages at a time. The head of the answer is no message. */
  #tap(pbx: Socket, worker: Socket): void {
    let held: Buffer = Buffer.alloc(0);
    let begun = false;
    pbx.on("data", (data: Buffer) => {
      held = Buffer.concat([held, data]);
      if (!begun) {
        const end = held.indexOf("\r\n\r\n");
        if (end < 0) return;
        begun = true;
        worker.write(held.subarray(0, end + 4));
        held = held.subarray(end + 4);
      }
      for (let length = lengthOf(held); length !== undefined; length = lengthOf(held)) {
        worker.write(held.subarray(0, length));
        held = held.subarray(length);
        for (const frame of this.#waiting.splice(0)) worker.write(frame);
      }
    });
  }
}

/** How long the first message is, head included (RFC 6455, section 5.2; a server masks nothing). Undefined: it is not all there. */
function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 127;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < head) return undefined;
  const payload = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? bytes.readUInt32BE(6) : short;
  return bytes.length < head + payload ? undefined : head + payload;
}

function frameOf(message: string | Uint8Array): Buffer {
  const payload = Buffer.from(message as Uint8Array);
  const head = Buffer.alloc(10);
  head[0] = 0x80 | (typeof message === "string" ? TEXT : BINARY);
  head[1] = 127;
  head.writeUInt32BE(payload.length, 6);
  return Buffer.concat([head, payload]);
}
