import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { codeOf, messageOf, OutsideError } from "../../../base/errors.ts";
import type { MediaOptions } from "./options.ts";
import type { MediaContext } from "./port.ts";

// A frame has 640 bytes at most, and all texts are short.
const MAX_MESSAGE_BYTES = 64 * 1024;
const HANDSHAKE_MS = 1000;
const MAX_CONNECTIONS = 4096;

/** A connection that one call's channel is told to make. */
export interface Expected {
  /** What FreeSWITCH connects to. The path is random, and good for one connection. */
  readonly url: string;
  readonly connected: Promise<WebSocket>;
  /** Nobody is expected any more. */
  cancel(): void;
}

/** Where mod_audio_stream connects to, one connection a call. Whoever does not know a call's path is refused and counted. */
export class StreamServer {
  readonly #options: MediaOptions;
  readonly #context: MediaContext;
  readonly #expected = new Map<string, (socket: WebSocket) => void>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    clientTracking: true,
  });
  #server: Server | undefined;
  #listening: Promise<void> | undefined;

  constructor(options: MediaOptions, context: MediaContext) {
    this.#options = options;
    this.#context = context;
  }

  /** May be called often. Rejects with "unfit" and what to do when the port or the certificate cannot be had. */
  listen(): Promise<void> {
    this.#listening ??= this.#listen().catch((error: unknown) => {
      this.#listening = undefined;
      throw error;
    });
    return this.#listening;
  }

  /** For one connection. `listen` must have been awaited. */
  expect(): Expected {
    const token = randomBytes(16).toString("base64url");
    const connected = Promise.withResolvers<WebSocket>();
    this.#expected.set(token, connected.resolve);
    return {
      url: `${this.#base()}/${token}`,
      connected: connected.promise,
      cancel: () => void this.#expected.delete(token),
    };
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = this.#listening = undefined;
    this.#expected.clear();
    for (const socket of this.#sockets.clients) socket.terminate();
    if (!server?.listening) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #base(): string {
    const { url, host, certificate } = this.#options;
    if (url !== "") return url.replace(/\/+$/, "");
    const { port } = (this.#server?.address() ?? { port: 0 }) as AddressInfo;
    return `${certificate === "" ? "ws" : "wss"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options;
    const server = this.#create();
    server.headersTimeout = HANDSHAKE_MS;
    server.maxConnections = MAX_CONNECTIONS;
    server.on("request", (_request, response) => response.writeHead(404, { connection: "close" }).end());
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const why = codeOf(error) === "EADDRINUSE" ? "is taken by another program" : messageOf(error);
        const todo = "choose another in engines.freeswitch.media.port, or 0 for any";
        reject(new OutsideError("unfit", `The port ${host}:${port} for mod_audio_stream ${why}: ${todo}.`));
      });
      server.listen(port, host, resolve);
    });
    server.on("error", (error) => this.#context.log.warn({ err: error }, "the server for mod_audio_stream has failed"));
    this.#server = server;
  }

  #create(): Server {
    const { certificate, key } = this.#options;
    if (certificate === "") return createHttp();
    try {
      return createHttps({ cert: readFileSync(certificate), key: readFileSync(key), minVersion: "TLSv1.2" });
    } catch (error) {
      throw new OutsideError("unfit", `The certificate for mod_audio_stream cannot be used: ${messageOf(error)}.`);
    }
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const token = (request.url ?? "").split("/").at(-1) ?? "";
    const take = this.#expected.get(token);
    if (!take) {
      this.#context.counts.strangers++;
      socket.on("error", () => {});
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#expected.delete(token);
    this.#sockets.handleUpgrade(request, socket, head, take);
  }
}
