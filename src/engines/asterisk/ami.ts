import { connect, type Socket } from "node:net";
import { type Backoff, createBackoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { codeOf, isCancellation, messageOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { EngineHealth } from "../../call/engine.ts";
import { type AmiMessage, AmiReader } from "./ami-reader.ts";
import type { AsteriskOptions } from "./options.ts";

export type AmiFields = Readonly<Record<string, string>>;

export interface AmiClientOptions {
  readonly options: AsteriskOptions["ami"];
  readonly clock: Clock;
  readonly log: Log;
  readonly backoff?: Backoff;
}

const CONNECT_MS = 3000;
const ACTION_MS = 2000;
const PING_MS = 10_000;
const REFUSED_WAIT_MS = 15_000;
// An Asterisk that starts again refuses what it has not loaded yet: nobody's password has changed.
const STARTING_MS = 30_000;
const MAX_PENDING = 2000;

/** Asterisk's manager interface, for what ARI refuses outside Stasis. No events; comes back for ever. */
export class AmiClient {
  readonly #options: AsteriskOptions["ami"];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #backoff: Backoff;
  readonly #pending = new Map<string, (message: AmiMessage) => void>();
  #socket: Socket | undefined;
  #connection = new AbortController();
  /** When it was last connected. */
  #wellMs = Number.NEGATIVE_INFINITY;
  #actions = 0;
  #health: EngineHealth = { state: "connecting", detail: "Asterisk's manager interface has not answered yet." };

  constructor({ options, clock, log, backoff }: AmiClientOptions) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#backoff = backoff ?? createBackoff({ minMs: 100, maxMs: 5000 });
  }

  get health(): EngineHealth {
    return this.#health;
  }

  get connected(): boolean {
    return this.#health.state === "connected";
  }

  /** Connects and comes back until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#live(signal);
      await this.#clock.sleep(waitMs, signal).catch(() => {});
    }
  }

  /**
   * Resolves with the answer's fields, names in small letters. Rejects with code "refused" (Asterisk said Error),
   * "invalid" (a value with a line break), "timeout" or "closed".
   */
  async action(name: string, fields: AmiFields = {}): Promise<AmiMessage> {
    const message = `Asterisk's manager interface did not answer ${name} in ${ACTION_MS} ms.`;
    const deadline = { clock: this.#clock, ms: ACTION_MS, message, signal: this.#connection.signal };
    const answer = await withDeadline((signal) => this.#send(signal, name, fields), deadline);
    if (answer.response !== "Success" && answer.response !== "Goodbye")
      throw new OutsideError(
        "refused",
        `Asterisk's manager interface refused ${name}: ${answer.message ?? "no reason given"}`,
      );
    return answer;
  }

  async setVariable(channel: string, variable: string, value: string): Promise<void> {
    await this.action("Setvar", { Channel: channel, Variable: variable, Value: value });
  }

  async #live(outer: AbortSignal): Promise<number> {
    const connection = new AbortController();
    const onAbort = (): void => connection.abort(outer.reason);
    outer.addEventListener("abort", onAbort, { once: true });
    this.#connection = connection;
    try {
      await this.#open(connection.signal);
      await this.action("Login", { Username: this.#options.user, Secret: this.#options.password, Events: "off" });
      this.#health = { state: "connected", detail: "" };
      this.#backoff.reset();
      this.#log.info({}, "connected to Asterisk's manager interface");
      await this.#untilLost(connection.signal);
      throw connection.signal.reason;
    } catch (error) {
      if (isCancellation(error, outer)) return 0;
      const before = this.#health;
      if (before.state === "connected") this.#wellMs = this.#clock.now();
      this.#health = healthAfter(error, this.#options);
      if (before.detail !== this.#health.detail)
        this.#log.warn({ detail: this.#health.detail }, "no connection to Asterisk's manager interface");
      const starting = this.#clock.now() - this.#wellMs < STARTING_MS;
      return this.#health.state === "refused" && !starting ? REFUSED_WAIT_MS : this.#backoff.next();
    } finally {
      outer.removeEventListener("abort", onAbort);
      this.#lose(new OutsideError("closed", "The connection to Asterisk's manager interface is closed."));
    }
  }

  #open(signal: AbortSignal): Promise<void> {
    const socket = connect({ host: this.#options.host, port: this.#options.port, noDelay: true, keepAlive: true });
    this.#socket = socket;
    const reader = new AmiReader();
    // The last words of a socket that was left behind are not about the one of now.
    const lose = (reason: Error): void => {
      if (this.#socket === socket) this.#lose(reason);
    };
    socket.on("error", lose);
    socket.on("close", () => lose(new OutsideError("closed", "Asterisk closed the connection.")));
    const message = `Asterisk's manager interface did not greet in ${CONNECT_MS} ms.`;
    const greeted = (inner: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        inner.addEventListener("abort", () => reject(inner.reason), { once: true });
        socket.on("data", (data) => {
          const fault = reader.push(data, (answer) => this.#onMessage(answer));
          if (fault) lose(new OutsideError("protocol", fault));
          else if (reader.greeting !== undefined) resolve();
        });
      });
    return withDeadline(greeted, { clock: this.#clock, ms: CONNECT_MS, message, signal });
  }

  async #untilLost(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(PING_MS, signal);
      await this.action("Ping");
    }
  }

  #send(signal: AbortSignal, name: string, fields: AmiFields): Promise<AmiMessage> {
    const socket = this.#socket;
    const id = String(++this.#actions);
    const lines = Object.entries({ Action: name, ActionID: id, ...fields });
    // A line break in a value would be a line of its own, and so an order of whoever chose the value.
    if (lines.some(([key, value]) => /[\r\n\0]/.test(key + value)))
      return Promise.reject(new OutsideError("invalid", `A value of ${name} has a line break and is not sent.`));
    if (!socket || socket.destroyed)
      return Promise.reject(new OutsideError("closed", "No connection to Asterisk's manager interface."));
    if (this.#pending.size >= MAX_PENDING)
      return Promise.reject(new OutsideError("overloaded", "Too many actions wait."));
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
      this.#pending.set(id, (message) => {
        forget();
        resolve(message);
      });
      socket.write(`${lines.map(([key, value]) => `${key}: ${value}\r\n`).join("")}\r\n`);
    });
  }

  #onMessage(message: AmiMessage): void {
    if (message.response !== undefined) this.#pending.get(message.actionid ?? "")?.(message);
  }

  #lose(reason: Error): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#connection.abort(reason);
    socket?.destroy();
  }
}

function healthAfter(error: unknown, { host, port, user }: AsteriskOptions["ami"]): EngineHealth {
  const where = `${host}:${port}`;
  if (codeOf(error) === "refused")
    return {
      state: "refused",
      detail: `Asterisk refuses the manager user "${user}": compare engines.asterisk.ami with manager.conf (secret, permit, deny).`,
    };
  if (codeOf(error) === "ECONNREFUSED")
    return {
      state: "connecting",
      detail: `Nothing listens at ${where}: is Asterisk running, and is its manager interface enabled there (manager.conf)?`,
    };
  return {
    state: "connecting",
    detail: `No connection to Asterisk's manager interface at ${where}: ${messageOf(error)}`,
  };
}
