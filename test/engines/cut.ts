import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A wire between the engine and the PBX that can be cut: all connections whose first line has `text`. */
export class Wire {
  readonly #server: Server;
  readonly #connections = new Map<Socket, string>();

  constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, "127.0.0.1");
      this.#connections.set(near, "");
      near.once("data", (data) => this.#connections.set(near, data.toString("latin1").split("\r\n", 1)[0] ?? ""));
      near.pipe(far).pipe(near);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
      near.on("close", () => this.#connections.delete(near));
    });
  }

  async open(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  cut(text: string): void {
    for (const [socket, firstLine] of this.#connections) if (firstLine.includes(text)) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut("");
    this.#server.close();
    await once(this.#server, "close");
  }
}
