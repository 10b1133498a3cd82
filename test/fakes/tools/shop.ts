import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface ShopRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server that does what the last part of the path says, and remembers what it was asked. */
export class FakeShop {
  readonly asked: ShopRequest[] = [];
  running = 0;
  /** Where `elsewhere` leads. */
  location = "";
  /** What `echo` answers, in place of what it was sent. */
  readonly #server: Server;

  constructor(tls?: { key: string; cert: string }) {
    const answer = (request: IncomingMessage, response: import("node:http").ServerResponse): void => {
      this.running += 1;
      response.on("close", () => {
        this.running -= 1;
      });
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        const body = Buffer.concat(parts).toString();
        this.asked.push({ method, url, headers, body });
        const json = (status: number, text: string): void =>
          void response.writeHead(status, { "content-type": "application/json" }).end(text);
        switch (url.split("?")[0]?.split("/").at(-1)) {
          case "never":
            return;
          case "refuses":
            return json(403, '{"error":"no"}');
          case "garbage":
            return json(200, '{"state":');
          case "tooMuch":
            return json(200, JSON.stringify({ state: "x".repeat(200_000) }));
          case "binary":
            return void response.writeHead(200, { "content-type": "text/plain" }).end(Buffer.from([0xff, 0xfe, 0x80]));
          case "html":
            return void response.writeHead(200, { "content-type": "text/html" }).end("<html></html>");
          case "elsewhere":
            return void response.writeHead(302, { location: this.location }).end();
          case "round":
            return void response.writeHead(302, { location: url }).end();
          case "echo":
            return json(200, JSON.stringify({ you: body }));
          default:
            return json(200, '{ "state": "sent" }');
        }
      });
    };
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
