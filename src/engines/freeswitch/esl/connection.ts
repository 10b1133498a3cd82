import { randomUUID } from "node:crypto";
import type { Clock } from "../../../base/clock.ts";
import { OutsideError } from "../../../base/errors.ts";
import { withDeadline } from "../../../base/signals.ts";
import { EslEvent } from "./event.ts";
import { type EslMessage, EslReader } from "./reader.ts";

/** What a connection needs of its socket. One of node:net is such a one. */
export interface EslSocket {
  readonly writable: boolean;
  on(event: "data", listener: (data: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  write(text: string): unknown;
  end(text: string): unknown;
  /** Until `uncork` what is written is kept, and leaves in one piece. */
  cork(): void;
  uncork(): void;
  destroy(): unknown;
}

export interface EslConnectionOptions {
  readonly socket: EslSocket;
  readonly clock: Clock;
  /** In the tick in which it arrived. What it throws ends this connection. */
  readonly onEvent: (event: EslEvent) => void;
  /** What is neither an answer nor an event: "auth/request", "text/disconnect-notice", "text/rude-rejection". */
  readonly onNotice: (message: EslMessage) => void;
}

export type EslHeaders = Readonly<Record<string, string>>;

const COMMAND_MS = 2000;
const JOB_MS = 10_000;
const MAX_PENDING = 2000;

/**
 * One connection of the Event Socket, whoever has opened it. Answers come in the order of the commands, so a command
 * that was given up keeps its place in the row. It never stops reading: whoever does is sent 100,000 events later.
 */
export class EslConnection {
  readonly #socket: EslSocket;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #pending: ((answer: EslMessage) => void)[] = [];
  readonly #jobs = new Map<string, (result: string) => void>();

  constructor({ socket, clock, onEvent, onNotice }: EslConnectionOptions) {
    this.#socket = socket;
    this.#clock = clock;
    const reader = new EslReader();
    const onMessage = (message: EslMessage): void => this.#onMessage(message, { onEvent, onNotice });
    socket.on("data", (data) => {
      if (this.#closed.signal.aborted) return;
      try {
        const fault = reader.push(data, onMessage);
        if (fault) this.close(new OutsideError("protocol", fault));
      } catch (error) {
        this.close(error);
      }
    });
    socket.on("error", (error) => this.close(error));
    socket.on("close", () => this.close(new OutsideError("closed", "FreeSWITCH closed the connection.")));
  }

  /** Aborted when the connection is gone; the reason says why. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /**
   * Resolves with the answer, whatever it says. Rejects with code "invalid" (a line break in a value), "timeout",
   * "closed" or "overloaded".
   */
  async command(line: string, { headers = {}, ms = COMMAND_MS }: { headers?: EslHeaders; ms?: number } = {}) {
    const message = `FreeSWITCH did not answer ${verbOf(line)} in ${ms} ms.`;
    const deadline = { clock: this.#clock, ms, message, signal: this.#closed.signal };
    return withDeadline(() => this.#send(line, headers), deadline);
  }

  /** As `command`, but an answer other than +OK is rejected with code "refused". Resolves with what follows "+OK". */
  async order(line: string, headers: EslHeaders = {}): Promise<string> {
    const { head } = await this.command(line, { headers });
    const text = head.get("Reply-Text") ?? "";
    if (!text.startsWith("+OK")) throw refused(verbOf(line), text);
    return text.slice(3).trim();
  }

  /** Runs an API command. Resolves with what it printed; "-ERR" and "-USAGE" are rejected with code "refused". */
  async api(command: string, ms?: number): Promise<string> {
    const answer = await this.command(`api ${command}`, ms === undefined ? {} : { ms });
    // A user who may not gets a reply instead of a response.
    const text = answer.type === "api/response" ? answer.body : (answer.head.get("Reply-Text") ?? "");
    return fulfilled(command, text);
  }

  /** Runs an API command beside others. The connection must be subscribed to BACKGROUND_JOB. */
  async background(command: string, ms: number = JOB_MS): Promise<string> {
    const id = randomUUID();
    const message = `FreeSWITCH did not finish ${verbOf(command)} in ${ms} ms.`;
    const result = Promise.withResolvers<string>();
    this.#jobs.set(id, result.resolve);
    try {
      return await withDeadline(
        async () => {
          await this.order(`bgapi ${command}`, { "Job-UUID": id });
          return fulfilled(command, await result.promise);
        },
        { clock: this.#clock, ms, message, signal: this.#closed.signal },
      );
    } finally {
      this.#jobs.delete(id);
    }
  }

  /** Tells a channel something; without a uuid the connection's own. Resolves when it is queued, which is not when it is done. */
  async sendmsg(headers: EslHeaders, uuid = ""): Promise<void> {
    await this.order(uuid === "" ? "sendmsg" : `sendmsg ${uuid}`, headers);
  }

  /** Sends several commands in one piece: whatever becomes of us, FreeSWITCH has all of them or none. Answers other than success are not told. */
  async together(lines: readonly string[]): Promise<void> {
    this.#socket.cork();
    const answers = lines.map((line) => this.command(line));
    this.#socket.uncork();
    await Promise.all(answers);
  }

  /** Leaves politely: what was written is sent. The other side closes. */
  leave(): void {
    if (this.#closed.signal.aborted) return;
    this.#socket.end("exit\n\n");
  }

  /** Closes at once. Whoever waits for an answer is told why. May be called twice. */
  close(reason: unknown = new OutsideError("closed", "The connection to FreeSWITCH is closed.")): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(reason);
    this.#pending.length = 0;
    this.#jobs.clear();
    this.#socket.destroy();
  }

  #send(line: string, headers: EslHeaders): Promise<EslMessage> {
    const lines = [line, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
    // A line break in a value would be a line of its own, and so an order of whoever chose the value.
    if (lines.some((text) => /[\r\n\0]/.test(text)))
      return Promise.reject(
        new OutsideError("invalid", `A value of ${verbOf(line)} has a line break and is not sent.`),
      );
    if (this.#closed.signal.aborted || !this.#socket.writable)
      return Promise.reject(new OutsideError("closed", "There is no connection to FreeSWITCH."));
    if (this.#pending.length >= MAX_PENDING)
      return Promise.reject(new OutsideError("overloaded", "Too many commands wait for FreeSWITCH."));
    return new Promise((resolve) => {
      this.#pending.push(resolve);
      this.#socket.write(`${lines.join("\n")}\n\n`);
    });
  }

  #onMessage(message: EslMessage, { onEvent, onNotice }: Pick<EslConnectionOptions, "onEvent" | "onNotice">): void {
    if (message.type === "command/reply" || message.type === "api/response") {
      this.#pending.shift()?.(message);
      return;
    }
    const event = EslEvent.of(message);
    if (!event) onNotice(message);
    else if (this.#jobs.size > 0 && event.name === "BACKGROUND_JOB") this.#onJob(event, onEvent);
    else onEvent(event);
  }

  #onJob(event: EslEvent, onEvent: (event: EslEvent) => void): void {
    const finish = this.#jobs.get(event.get("Job-UUID"));
    if (finish) finish(event.body);
    else onEvent(event);
  }
}

/** What may be said of a command: not its values, a password among them. */
const verbOf = (line: string): string => /^(?:(?:bg)?api )?\S+/.exec(line)?.[0] ?? "a command";

const refused = (what: string, text: string): OutsideError =>
  new OutsideError("refused", `FreeSWITCH refused ${what}: ${text.trim() || "no reason given"}`);

function fulfilled(command: string, text: string): string {
  if (/^-(ERR|USAGE)/.test(text)) throw refused(verbOf(command), text);
  return text;
}
