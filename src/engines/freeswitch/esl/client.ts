import { connect } from "node:net";
import { type Backoff, createBackoff } from "../../../base/backoff.ts";
import type { Clock } from "../../../base/clock.ts";
import { codeOf, isCancellation, messageOf, OutsideError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { abortable, withDeadline } from "../../../base/signals.ts";
import type { EngineHealth } from "../../../call/engine.ts";
import { EslConnection, type EslSocket } from "./connection.ts";
import type { EslEvent } from "./event.ts";
import type { EslMessage } from "./reader.ts";

export interface EslAccess {
  readonly host: string;
  readonly port: number;
  /** `user@domain` of the directory, who may do what that user may; empty: the password of event_socket.conf.xml. */
  readonly user: string;
  readonly password: string;
}

export interface EslClientOptions {
  readonly access: EslAccess;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: (event: EslEvent) => void;
  /** After each login, for subscriptions and for looking around; what it rejects with ends the connection. */
  readonly onConnected: (connection: EslConnection) => Promise<void>;
  readonly backoff?: Backoff;
  /** Between tries of a password that was refused. */
  readonly refusedBackoff?: Backoff;
  /** Default: over the network. */
  readonly connect?: (access: EslAccess) => EslSocket;
}

const CONNECT_MS = 3000;
const PING_MS = 5000;
// Needs no permission, changes nothing, and is always answered.
const PING = "nolog";

const overTheNetwork = ({ host, port }: EslAccess): EslSocket =>
  connect({ host, port, noDelay: true, keepAlive: true });

/** The inbound side: logs in at FreeSWITCH, and comes back for ever. What was asked when the connection is lost is rejected. */
export class EslClient {
  readonly #options: EslClientOptions;
  readonly #backoff: Backoff;
  readonly #refusedBackoff: Backoff;
  #connection: EslConnection | undefined;
  #health: EngineHealth = { state: "connecting", detail: "FreeSWITCH's Event Socket has not answered yet." };
  #wake = new AbortController();

  constructor(options: EslClientOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? createBackoff({ minMs: 100, maxMs: 5000 });
    // A wall that counts wrong passwords must not be filled by a service that was configured wrong.
    this.#refusedBackoff = options.refusedBackoff ?? createBackoff({ minMs: 30_000, maxMs: 600_000 });
  }

  get health(): EngineHealth {
    return this.#health;
  }

  /** Undefined while there is none. */
  get connection(): EslConnection | undefined {
    return this.#health.state === "connected" ? this.#connection : undefined;
  }

  /** Connects and comes back until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#live(signal);
      await this.#options.clock.sleep(waitMs, signal).catch(() => {});
    }
  }

  /** The connection; waits for it until the signal aborts. */
  async connected(signal: AbortSignal): Promise<EslConnection> {
    while (true) {
      signal.throwIfAborted();
      if (this.connection) return this.connection;
      const woken = new Promise<void>((resolve) => {
        this.#wake.signal.addEventListener("abort", () => resolve(), { once: true });
      });
      await abortable(woken, signal);
    }
  }

  /** One connection, from its beginning to its end. Returns how long to wait before the next. */
  async #live(outer: AbortSignal): Promise<number> {
    const { clock, log, access } = this.#options;
    const onAbort = (): void => this.#connection?.close(outer.reason);
    outer.addEventListener("abort", onAbort, { once: true });
    try {
      const connection = await this.#login(outer);
      await this.#options.onConnected(connection);
      connection.closed.throwIfAborted();
      this.#health = { state: "connected", detail: "" };
      this.#backoff.reset();
      this.#refusedBackoff.reset();
      this.#wake.abort();
      this.#wake = new AbortController();
      log.info({ host: access.host, port: access.port }, "connected to FreeSWITCH's Event Socket");
      await this.#untilLost(connection, clock);
      throw connection.closed.reason;
    } catch (error) {
      if (isCancellation(error, outer)) return 0;
      const before = this.#health;
      this.#health = healthAfter(error, access);
      if (before.detail !== this.#health.detail)
        log.warn({ detail: this.#health.detail }, "no connection to FreeSWITCH's Event Socket");
      return this.#health.state === "refused" ? this.#refusedBackoff.next() : this.#backoff.next();
    } finally {
      outer.removeEventListener("abort", onAbort);
      this.#connection?.close();
      this.#connection = undefined;
    }
  }

  async #login(signal: AbortSignal): Promise<EslConnection> {
    const { access, clock, onEvent } = this.#options;
    const socket = (this.#options.connect ?? overTheNetwork)(access);
    const asked = Promise.withResolvers<void>();
    const onNotice = ({ type, body }: EslMessage): void => {
      if (type === "auth/request") asked.resolve();
      else if (type === "text/rude-rejection") asked.reject(new OutsideError("acl", body.trim()));
    };
    const connection = new EslConnection({ socket, clock, onEvent, onNotice });
    this.#connection = connection;
    // Nobody waits for it when the connection is lost first.
    asked.promise.catch(() => {});
    const message = `FreeSWITCH's Event Socket did not greet in ${CONNECT_MS} ms.`;
    await withDeadline((inner) => abortable(abortable(asked.promise, connection.closed), inner), {
      clock,
      ms: CONNECT_MS,
      message,
      signal,
    });
    const { user, password } = access;
    const answer = await connection.command(user === "" ? `auth ${password}` : `userauth ${user}:${password}`);
    if (!answer.head.get("Reply-Text")?.startsWith("+OK"))
      throw new OutsideError("password", "FreeSWITCH refused the password.");
    return connection;
  }

  async #untilLost(connection: EslConnection, clock: Clock): Promise<void> {
    while (!connection.closed.aborted) {
      await clock.sleep(PING_MS, connection.closed);
      await connection.command(PING);
    }
  }
}

/** What is wrong and what to do, in one sentence. */
function healthAfter(error: unknown, { host, port, user }: EslAccess): EngineHealth {
  const where = `${host}:${port}`;
  const code = codeOf(error);
  if (code === "password")
    return {
      state: "refused",
      detail: `FreeSWITCH refuses the password${user === "" ? "" : ` of "${user}"`}: compare engines.freeswitch.esl with ${user === "" ? "event_socket.conf.xml" : "esl-password in that user's directory entry"}.`,
    };
  if (code === "acl")
    return {
      state: "refused",
      detail: `FreeSWITCH lets this host not in at ${where}: name it in apply-inbound-acl of event_socket.conf.xml.`,
    };
  if (code === "unfit" || code === "refused") return { state: "refused", detail: messageOf(error) };
  if (code === "ECONNREFUSED")
    return {
      state: "connecting",
      detail: `Nothing listens at ${where}: is FreeSWITCH running, and is mod_event_socket loaded and listening there (event_socket.conf.xml)?`,
    };
  return { state: "connecting", detail: `No connection to FreeSWITCH's Event Socket at ${where}: ${messageOf(error)}` };
}
