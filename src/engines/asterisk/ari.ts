import { randomBytes } from "node:crypto";
import { type RawData, WebSocket } from "ws";
import { type Backoff, createBackoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { codeOf, isCancellation, messageOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { EngineHealth } from "../../call/engine.ts";
import {
  type AriEvent,
  fieldOf,
  parseEvent,
  parseRestResponse,
  type RestResponse,
  WANTED_EVENTS,
} from "./ari-events.ts";
import { AriRest } from "./ari-rest.ts";
import type { AsteriskOptions } from "./options.ts";

type Method = "GET" | "POST" | "PUT" | "DELETE";
export type Query = Readonly<Record<string, string>>;

/** Asterisk answered with something else than success. */
export class AriError extends OutsideError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(`ari-${status}`, message);
    this.status = status;
  }
}

export interface AriClientOptions {
  readonly options: AsteriskOptions["ari"];
  readonly clock: Clock;
  readonly log: Log;
  /** In the tick in which it arrived. Must not throw. */
  readonly onEvent: (event: AriEvent) => void;
  /** After each connection, subscribed and filtered; what it rejects with ends the connection. */
  readonly onConnected: (signal: AbortSignal) => Promise<void>;
  readonly backoff?: Backoff;
}

const CONNECT_MS = 3000;
const REQUEST_MS = 2000;
// The first answer tells whether REST over the websocket is there at all (since 20.14 and 22.4).
const FIRST_ANSWER_MS = 1500;
const PING_MS = 5000;
const REFUSED_WAIT_MS = 15_000;
// An Asterisk that starts again refuses what it has not loaded yet: nobody's password has changed.
const STARTING_MS = 30_000;
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const MAX_PENDING = 2000;

/** ARI over one websocket, events and requests alike. Comes back for ever; what was asked when it is lost is rejected. */
export class AriClient {
  readonly #options: AsteriskOptions["ari"];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onEvent: (event: AriEvent) => void;
  readonly #onConnected: (signal: AbortSignal) => Promise<void>;
  readonly #backoff: Backoff;
  readonly #rest: AriRest;
  readonly #pending = new Map<string, (response: RestResponse) => void>();
  // A name of its own for each process: Asterisk takes the events away from whoever held a name before.
  readonly #app: string;
  #socket: WebSocket | undefined;
  /** Aborted when the connection of now is lost. */
  #connection = new AbortController();
  /** When it was last connected. */
  #wellMs = Number.NEGATIVE_INFINITY;
  #requests = 0;
  #overHttp = false;
  #alive = true;
  #health: EngineHealth = { state: "connecting", detail: "Asterisk's ARI has not answered yet." };
  #malformed = 0;

  constructor({ options, clock, log, onEvent, onConnected, backoff }: AriClientOptions) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#onEvent = onEvent;
    this.#onConnected = onConnected;
    this.#backoff = backoff ?? createBackoff({ minMs: 100, maxMs: 5000 });
    this.#rest = new AriRest(options);
    this.#app = `${options.app}-${randomBytes(4).toString("hex")}`;
  }

  get health(): EngineHealth {
    return this.#health;
  }

  get connected(): boolean {
    return this.#health.state === "connected";
  }

  /** Messages that were not what Asterisk says it sends. */
  get malformed(): number {
    return this.#malformed;
  }

  get app(): string {
    return this.#app;
  }

  /** Connects and comes back until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#live(signal);
      await this.#clock.sleep(waitMs, signal).catch(() => {});
    }
  }

  /** The connection answers no more: let it go and start anew. */
  drop(reason: string): void {
    this.#lose(new OutsideError("closed", reason));
  }

  /** Resolves with the answer's body, parsed. Rejects with an AriError, "timeout" or "closed". The path has no leading slash. */
  async request(method: Method, path: string, query: Query = {}, body?: object): Promise<unknown> {
    const message = `Asterisk's ARI did not answer ${method} ${path} in ${REQUEST_MS} ms.`;
    const deadline = { clock: this.#clock, ms: REQUEST_MS, message, signal: this.#connection.signal };
    const response = await withDeadline((signal) => this.#ask(signal, { method, path, query, body }), deadline);
    if (response.status >= 400) throw new AriError(response.status, whyRefused(method, path, response));
    return parseJson(response.body);
  }

  /** A channel's variable or function, or a global one; empty when it is not set. */
  async variable(name: string, channel?: string): Promise<string> {
    const path = channel === undefined ? "asterisk/variable" : `channels/${channel}/variable`;
    try {
      return fieldOf(await this.request("GET", path, { variable: name }), "value");
    } catch (error) {
      if (error instanceof AriError && error.status === 404) return "";
      throw error;
    }
  }

  async setGlobal(name: string, value: string): Promise<void> {
    await this.request("POST", "asterisk/variable", { variable: name, value });
  }

  /** One connection, from its beginning to its end. Returns how long to wait before the next. */
  async #live(outer: AbortSignal): Promise<number> {
    const connection = new AbortController();
    const onAbort = (): void => connection.abort(outer.reason);
    outer.addEventListener("abort", onAbort, { once: true });
    this.#connection = connection;
    try {
      this.#socket = await this.#open(connection.signal);
      await this.#prepare();
      await this.#onConnected(connection.signal);
      this.#health = { state: "connected", detail: "" };
      this.#backoff.reset();
      this.#log.info({ app: this.#app }, "connected to Asterisk's ARI");
      await aborted(connection.signal);
      throw connection.signal.reason;
    } catch (error) {
      if (isCancellation(error, outer)) return 0;
      const before = this.#health;
      if (before.state === "connected") this.#wellMs = this.#clock.now();
      this.#health = healthAfter(error, this.#options);
      if (before.detail !== this.#health.detail)
        this.#log.warn({ detail: this.#health.detail }, "no connection to Asterisk's ARI");
      const starting = this.#clock.now() - this.#wellMs < STARTING_MS;
      return this.#health.state === "refused" && !starting ? REFUSED_WAIT_MS : this.#backoff.next();
    } finally {
      outer.removeEventListener("abort", onAbort);
      this.#lose(new OutsideError("closed", "The connection to Asterisk's ARI is closed."));
    }
  }

  #open(signal: AbortSignal): Promise<WebSocket> {
    const url = `${this.#options.url.replace(/\/+$/, "")}/ari/events?app=${this.#app}&subscribeAll=false`;
    const socket = new WebSocket(url, {
      headers: { authorization: this.#rest.authorization },
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    });
    this.#socket = socket;
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("pong", () => {
      this.#alive = true;
    });
    // The last words of a socket that was left behind are not about the one of now.
    const lose = (reason: Error): void => {
      if (this.#socket === socket) this.#lose(reason);
    };
    socket.on("error", lose);
    socket.on("close", () => lose(new OutsideError("closed", "Asterisk closed the connection.")));
    const message = `Asterisk's HTTP server did not answer in ${CONNECT_MS} ms.`;
    const opened = (inner: AbortSignal): Promise<WebSocket> =>
      new Promise((resolve, reject) => {
        inner.addEventListener("abort", () => reject(inner.reason), { once: true });
        socket.once("open", () => resolve(socket));
        socket.once("unexpected-response", (request, response) => {
          request.destroy();
          const status = response.statusCode ?? 0;
          lose(new AriError(status, `Asterisk answered ${status} to the events' websocket.`));
        });
      });
    return withDeadline(opened, { clock: this.#clock, ms: CONNECT_MS, message, signal });
  }

  async #prepare(): Promise<void> {
    this.#overHttp = false;
    this.#overHttp = !(await this.#answersOverWebsocket());
    if (this.#overHttp) await this.request("GET", "asterisk/ping");
    await this.request("POST", `applications/${this.#app}/subscription`, { eventSource: "channel:" });
    const filter = { allowed: WANTED_EVENTS.map((type) => ({ type })) };
    await this.request("PUT", `applications/${this.#app}/eventFilter`, {}, filter);
    this.#keepAlive();
  }

  async #answersOverWebsocket(): Promise<boolean> {
    const ask = { method: "GET", path: "asterisk/ping", query: {} } as const;
    const deadline = { clock: this.#clock, ms: FIRST_ANSWER_MS, message: "", signal: this.#connection.signal };
    try {
      await withDeadline((signal) => this.#ask(signal, ask), deadline);
      return true;
    } catch (error) {
      if (codeOf(error) !== "timeout") throw error;
      this.#log.info({}, "this Asterisk takes no requests over the websocket; they go over HTTP");
      return false;
    }
  }

  #keepAlive(): void {
    this.#alive = true;
    const timer = this.#clock.every(PING_MS, () => {
      if (!this.#alive) return this.drop("Asterisk's ARI has stopped to answer.");
      this.#alive = false;
      this.#socket?.ping();
    });
    this.#connection.signal.addEventListener("abort", () => timer.cancel(), { once: true });
  }

  #ask(
    signal: AbortSignal,
    { method, path, query, body }: { method: Method; path: string; query: Query; body?: object | undefined },
  ): Promise<RestResponse> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN)
      return Promise.reject(new OutsideError("closed", "No connection to Asterisk's ARI."));
    if (this.#overHttp) return this.#rest.ask({ method, path, query, body, signal });
    if (this.#pending.size >= MAX_PENDING)
      return Promise.reject(new OutsideError("overloaded", "Too many requests wait for Asterisk's ARI."));
    const id = String(++this.#requests);
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        this.#pending.delete(id);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        forget();
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(id, (response) => {
        forget();
        resolve(response);
      });
      const query_strings = Object.entries(query).map(([name, value]) => ({ name, value }));
      const content = body && { content_type: "application/json", message_body: JSON.stringify(body) };
      const message = {
        type: "RESTRequest",
        transaction_id: id,
        request_id: id,
        method,
        uri: path,
        query_strings,
        ...content,
      };
      socket.send(JSON.stringify(message));
    });
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#alive = true;
    const message = isBinary ? undefined : parseJson(data.toString());
    const response = parseRestResponse(message);
    if (response) {
      this.#pending.get(response.requestId)?.(response);
      return;
    }
    const event = parseEvent(message);
    if (event === "malformed") this.#malformed++;
    else if (event !== "ignored") this.#onEvent(event);
  }

  #lose(reason: Error): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#connection.abort(reason);
    socket?.terminate();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

const whyRefused = (method: string, path: string, { status, reason, body }: RestResponse): string =>
  `Asterisk's ARI answered ${method} ${path} with ${status}: ${fieldOf(parseJson(body), "message") || reason}`;

/** What is wrong and what to do, in one sentence. */
function healthAfter(error: unknown, { url, user }: AsteriskOptions["ari"]): EngineHealth {
  const status = error instanceof AriError ? error.status : 0;
  const refused = (detail: string): EngineHealth => ({ state: "refused", detail });
  if (status === 401)
    return refused(
      `Asterisk refuses the ARI user "${user}": the password (engines.asterisk.ari.password) is not the one in ari.conf.`,
    );
  if (status === 403)
    return refused(`Asterisk does not let the ARI user "${user}" change anything: remove read_only in ari.conf.`);
  if (status === 404)
    return refused(
      `The HTTP server at ${url} has no ARI: load res_ari.so and set enabled=yes in ari.conf, or correct engines.asterisk.ari.url.`,
    );
  if (codeOf(error) === "unfit") return refused(messageOf(error));
  if (codeOf(error) === "ECONNREFUSED")
    return {
      state: "connecting",
      detail: `Nothing listens at ${url}: is Asterisk running, and is its HTTP server enabled there (http.conf)?`,
    };
  return { state: "connecting", detail: `No connection to Asterisk's ARI at ${url}: ${messageOf(error)}` };
}
