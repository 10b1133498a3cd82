import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Behaviour, type Fault, Moods } from "./behaviour.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** What a fake is told of the request that it answers. */
export interface Answering {
  readonly asked: Asked;
  readonly response: ServerResponse;
  readonly fault: Fault | undefined;
  readonly moods: Moods;
}

const BODY_MAX = 4 * 1024 * 1024;

/** The common part of the fakes that speak HTTP: a loopback server with moods, which remembers what it was asked. */
export class FakeHttpServer {
  readonly requests: Asked[] = [];
  readonly moods: Moods;
  readonly #server: Server;
  readonly #answer: (answering: Answering) => Promise<void>;
  readonly #sockets = new Set<Socket>();
  /** What a client must send; others are answered 401. */
  key: string | undefined;
  connections = 0;

  constructor(mood: Behaviour | undefined, answer: (answering: Answering) => Promise<void>) {
    this.moods = new Moods(mood);
    this.#answer = answer;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
    this.#server.on("connection", (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  get server(): Server {
    return this.#server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  authorised({ authorization, ...headers }: IncomingMessage["headers"]): boolean {
    if (this.key === undefined) return true;
    return [authorization, headers["x-api-key"], headers["xi-api-key"]].some(
      (given) => given === this.key || given === `Bearer ${this.key}` || given === `Token ${this.key}`,
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_MAX) throw new Error("too much");
      chunks.push(chunk);
    }
    const { method = "", url = "", headers } = request;
    if (method === "OPTIONS") {
      response.writeHead(204).end();
      return;
    }
    const asked = { method, path: url, headers, body: Buffer.concat(chunks).toString("utf8") };
    this.requests.push(asked);
    const fault = this.moods.next();
    if (fault === "refuse") request.socket.destroy();
    else if (!this.authorised(headers)) refuse(response, 401);
    else if (typeof fault === "number") refuse(response, fault);
    else if (fault !== "silent") await this.#answer({ asked, response, fault, moods: this.moods });
  }
}

const REASONS: Readonly<Record<number, string>> = {
  401: "Incorrect API key provided",
  429: "Rate limit reached",
  500: "The server had an error",
  503: "The engine is currently overloaded",
};

function refuse(response: ServerResponse, status: number): void {
  const error = { message: REASONS[status] ?? "error", type: "error", code: null, param: null };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
}
