import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Behaviour, ofHandshake } from "./behaviour.ts";
import { FakeHttpServer } from "./http-server.ts";

export interface Handshake {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

/** The common part of the fakes that speak a websocket protocol: moods for the handshake, and what was said on it. */
export class FakeSocketServer extends FakeHttpServer {
  readonly handshakes: Handshake[] = [];
  /** Every message of every client, in order. */
  readonly said: unknown[] = [];
  readonly #sockets = new WebSocketServer({ noServer: true });

  constructor(mood: Behaviour | undefined, accept: (socket: WebSocket, handshake: Handshake) => void) {
    super(mood, async ({ response }) => void response.writeHead(426).end());
    this.server.on("upgrade", (request: IncomingMessage, raw: Duplex, head: Buffer) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://fake");
      const handshake = { path: pathname, query: searchParams, headers: request.headers };
      this.handshakes.push(handshake);
      const fault = this.moods.next(ofHandshake);
      if (fault === "refuse") raw.destroy();
      else if (typeof fault === "number" || !this.authorised(request.headers))
        raw.end(`HTTP/1.1 ${fault ?? 401} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      else
        this.#sockets.handleUpgrade(request, raw, head, (socket) => {
          socket.on("error", () => {});
          socket.on("message", (data, binary) => {
            if (!binary) this.said.push(JSON.parse(data.toString()));
          });
          accept(socket, handshake);
        });
    });
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.clients.size;
  }

  /** Breaks all connections, as a network does. */
  cut(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }
}

/** What `pause` watches: ws has the socket under a name of its own. */
export const watched = (socket: WebSocket) => ({
  get destroyed(): boolean {
    return socket.readyState !== socket.OPEN;
  },
  once: (event: string, listener: () => void) => socket.once(event, listener),
  off: (event: string, listener: () => void) => socket.off(event, listener),
});
