import type { IncomingMessage } from "node:http";
import { type RawData, WebSocket } from "ws";
import type { Clock, Timer } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { ProviderError, type ProviderErrorCode } from "../conversation/providers.ts";
import { codeOfStatus } from "./failure.ts";
import { proxyAgent } from "./proxy.ts";

export interface SocketEvents {
  open(): void;
  text(data: string): void;
  /** Valid until it returns. */
  binary?(data: Uint8Array): void;
  /** Once, unless it was closed from here: there is no connection (any more). A clean close by the other end is a loss too. */
  lost(error: ProviderError): void;
}

export interface SocketOptions {
  readonly provider: string;
  readonly url: string;
  /** Keys belong here and not into the URL, which proxies and servers write down. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly clock: Clock;
  /** From the first packet to the end of the handshake, redirects included. */
  readonly connectMs: number;
  /** A connection of whose other end nothing was heard for so long, although it was asked twice, is dead. */
  readonly keepAliveMs?: number;
  /** What a close code of this vendor's means; undefined: what it means to everybody. */
  readonly codeOfClose?: (code: number) => ProviderErrorCode | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly events: SocketEvents;
}

const KEEP_ALIVE_MS = 5_000;
const CLOSE_MS = 1_000;
const MAX_REDIRECTS = 3;
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
// What the kernel has not taken when so much waits is too old to be sent.
const MAX_UNSENT_BYTES = 1024 * 1024;
// Headers that a redirect to another host must not carry along. (ws itself drops `authorization` alone.)
const SECRET_HEADERS = /^(?!sec-websocket-).*(key|token|secret|auth|cookie)/i;

/**
 * One websocket to a provider, tried once: whoever wants another one opens another one. TLS certificates are always verified;
 * redirects are followed, but never to plain text; proxies as the environment says.
 */
export class ProviderSocket {
  readonly #options: SocketOptions;
  readonly #socket: WebSocket | undefined;
  #deadline: Timer | undefined;
  #beat: Timer | undefined;
  #quiet = 0;
  #over = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    const { url, protocols = [], clock, connectMs, headers, env } = options;
    try {
      const agent = proxyAgent(new URL(url), env);
      this.#socket = new WebSocket(url, [...protocols], {
        headers: { ...headers },
        followRedirects: true,
        maxRedirects: MAX_REDIRECTS,
        perMessageDeflate: false,
        maxPayload: MAX_MESSAGE_BYTES,
        ...(agent && { agent }),
      });
      this.#listen(this.#socket);
      this.#deadline = clock.after(connectMs, () => this.#lose("timeout", `no connection in ${connectMs} ms`));
    } catch (error) {
      // An address that is none: told like any other loss, when the caller has the socket in hand.
      this.#deadline = clock.after(0, () => this.#lose("refused", messageOf(error), error));
    }
  }

  get open(): boolean {
    return !this.#over && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes that the network has not taken yet. */
  get unsent(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** False: it is not open, or the other end takes nothing, and the connection is given up. */
  send(data: string | Uint8Array): boolean {
    if (!this.open || !this.#socket) return false;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#lose("timeout", "it takes nothing any more");
      return false;
    }
    this.#socket.send(data);
    return true;
  }

  /** May be called twice. `lost` is not called afterwards. */
  close(): void {
    if (this.#over) return;
    const socket = this.#end();
    if (socket?.readyState !== WebSocket.OPEN) {
      socket?.terminate();
      return;
    }
    socket.close(1000);
    const late = this.#options.clock.after(CLOSE_MS, () => socket.terminate());
    socket.once("close", () => late.cancel());
  }

  #listen(socket: WebSocket): void {
    const { events } = this.#options;
    socket.on("open", () => this.#opened(socket));
    socket.on("message", (data, binary) => {
      if (this.#over) return;
      this.#quiet = 0;
      if (binary) events.binary?.(bytesOf(data));
      else events.text(textOf(data));
    });
    socket.on("pong", () => {
      this.#quiet = 0;
    });
    socket.on("redirect", (url, request) => {
      const [from, to] = [new URL(this.#options.url), new URL(url)];
      if (from.protocol === "wss:" && to.protocol !== "wss:") this.#lose("refused", "it redirects to plain text");
      if (from.host === to.host) return;
      for (const name of request.getHeaderNames()) if (SECRET_HEADERS.test(name)) request.removeHeader(name);
    });
    socket.on("unexpected-response", (request, response: IncomingMessage) => {
      const { statusCode = 0, statusMessage = "" } = response;
      this.#lose(codeOfStatus(statusCode), `it answered ${statusCode} ${statusMessage}`.trim());
      request.destroy();
    });
    socket.on("error", (error) => this.#lose(codeOfError(error), messageOf(error), error));
    socket.on("close", (code, reason) => this.#closed(code, reason.toString("utf8").slice(0, 200)));
  }

  #opened(socket: WebSocket): void {
    if (this.#over) return;
    const { clock, keepAliveMs = KEEP_ALIVE_MS, events } = this.#options;
    this.#deadline?.cancel();
    this.#beat = clock.every(keepAliveMs / 2, () => {
      if (this.#quiet >= 2) this.#lose("timeout", `nothing was heard of it for ${keepAliveMs} ms`);
      else socket.ping();
      this.#quiet += 1;
    });
    events.open();
  }

  #closed(code: number, reason: string): void {
    const { codeOfClose } = this.#options;
    const said = reason === "" ? "" : ` (${reason})`;
    this.#lose(codeOfClose?.(code) ?? meaningOf(code), `it closed the connection with ${code}${said}`);
  }

  #lose(code: ProviderErrorCode, message: string, cause?: unknown): void {
    if (this.#over) return;
    this.#end()?.terminate();
    const options = cause === undefined ? {} : { cause };
    this.#options.events.lost(new ProviderError(this.#options.provider, code, message, options));
  }

  #end(): WebSocket | undefined {
    this.#over = true;
    this.#deadline?.cancel();
    this.#beat?.cancel();
    return this.#socket;
  }
}

/** RFC 6455, section 7.4.1, and what IANA has added. */
function meaningOf(code: number): ProviderErrorCode {
  if (code === 1002 || code === 1003 || code === 1007 || code === 1009) return "protocol";
  if (code === 1008 || code === 3000 || code === 3003) return "refused";
  return code === 1013 ? "overloaded" : "unreachable";
}

function codeOfError(error: unknown): ProviderErrorCode {
  const code = codeOf(error);
  if (code.startsWith("WS_ERR")) return "protocol";
  return code === "ETIMEDOUT" ? "timeout" : "unreachable";
}

const bytesOf = (data: RawData): Uint8Array => {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
};

const textOf = (data: RawData): string => {
  const { buffer, byteOffset, byteLength } = bytesOf(data);
  return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
};
