import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/**
 * What goes wrong with a provider. `refuse`: nobody takes the connection. `401`, `429`, `500`: the handshake is answered with it.
 * `silent`: connected, and never a word. `stall`: it falls silent in the middle, after its first partial words. `garbage`: it
 * answers with what is none of its messages. `empty`: it never understands a word. `close`: it closes in the middle.
 */
export type Fault = "refuse" | "401" | "429" | "500" | "silent" | "stall" | "garbage" | "empty" | "close";

export interface FakeServerOptions {
  fault?: Fault | undefined;
  /** A certificate: then it speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A port to come back to; default: any. */
  readonly port?: number;
}

export interface FakeRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

/** A loopback server for websocket protocols, with faults that can be set and lifted at any time. */
export class FakeServer {
  readonly #http;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #raw = new Set<Duplex>();
  readonly #secure: boolean;
  #attempts = 0;
  readonly requests: FakeRequest[] = [];
  fault: Fault | undefined;

  constructor(options: FakeServerOptions, accept: (socket: WebSocket, request: FakeRequest) => void) {
    this.fault = options.fault;
    this.#secure = options.tls !== undefined;
    this.#http = options.tls ? createTlsServer(options.tls) : createServer();
    this.#http.on("connection", (raw: Duplex) => {
      this.#attempts += 1;
      if (this.fault === "refuse") raw.destroy();
      this.#raw.add(raw);
      raw.once("close", () => this.#raw.delete(raw));
    });
    this.#http.on("upgrade", (request: IncomingMessage, raw: Duplex, head: Buffer) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://fake");
      const told = { path: pathname, query: searchParams, headers: request.headers };
      this.requests.push(told);
      const status = this.refusal(told);
      if (status !== undefined) {
        raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, raw, head, (socket) => {
        socket.on("error", () => {});
        accept(socket, told);
      });
    });
  }

  /** The status line for a request that is not taken. */
  refusal: (request: FakeRequest) => string | undefined = () => undefined;

  /** The faults that an HTTP status tells. */
  get statusFault(): string | undefined {
    if (this.fault === "401") return "401 Unauthorized";
    if (this.fault === "429") return "429 Too Many Requests";
    return this.fault === "500" ? "500 Internal Server Error" : undefined;
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen(port, "127.0.0.1", resolve);
    });
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return this.#secure ? `wss://localhost:${this.port}` : `ws://127.0.0.1:${this.port}`;
  }

  /** Handshakes that were tried since it began to listen. */
  get attempts(): number {
    return this.#attempts;
  }

  get connections(): number {
    return this.#sockets.clients.size;
  }

  /** Every connection is cut at once, as by a dead server. */
  cut(): void {
    for (const raw of this.#raw) raw.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}
