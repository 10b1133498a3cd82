import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";

/**
 * A cable that can be cut: what comes to its port goes to another one of this machine. Cut, it takes what is said and passes nothing on, and
 * closes nothing, as a network does that is gone.
 */
export class Relay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  private constructor(port: number) {
    this.#server = createServer({ pauseOnConnect: true }, (near) => this.#join(near, port));
  }

  static async to(port: number): Promise<Relay> {
    const relay = new Relay(port);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  cut(): void {
    this.#cut = true;
  }

  /** New connections go through; those of before are gone, as after any longer while. */
  heal(): void {
    this.#cut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(near: Socket, port: number): void {
    this.#keep(near);
    if (this.#cut) {
      // Nobody answers: what is said is taken, and forgotten.
      near.on("data", () => {});
      return;
    }
    const far = createConnection({ host: "127.0.0.1", port });
    this.#keep(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay();
      from.on("data", (data: Buffer) => this.#cut || to.write(data));
      from.on("close", () => this.#cut || to.destroy());
    }
    near.resume();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
