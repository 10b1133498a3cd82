import { randomUUID } from "node:crypto";

/** What a session of the Event Socket can ask of its FreeSWITCH. */
export interface Switchboard {
  /** Resolves with what the command prints. */
  api(command: string): string;
  /** True: this may be done by this session. */
  mayUse(session: EventSocket, api: string): boolean;
  password(user: string): string | undefined;
}

/** The channel to which an outbound session belongs. */
export interface Controlled {
  readonly uuid: string;
  data(): Readonly<Record<string, string>>;
  /** A sendmsg, its headers in small letters. */
  sendmsg(headers: Readonly<Record<string, string>>): void;
}

export interface FakeEvent {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

// switch_url_encode leaves these alone, and encodes the rest.
const encode = (text: string): string => encodeURIComponent(text).replace(/%2C/g, ",").replace(/%2F/g, "/");

/** What it needs of its connection. */
export interface Line {
  readonly destroyed: boolean;
  readonly writable: boolean;
  on(event: "data", listener: (data: Buffer) => void): unknown;
  on(event: "error" | "close", listener: () => void): unknown;
  setNoDelay(on: boolean): unknown;
  write(text: string): unknown;
  end(text: string): unknown;
  destroy(): unknown;
}

const GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";

/**
 * One session of mod_event_socket, byte by byte as captured (test/fixtures/esl). Facts: only the reply to `connect` and
 * events are URL-encoded; `sendmsg` says +OK when queued; a wrong password is answered, told goodbye and closed; with
 * `linger` a first notice says that the channel is down, and the connection stays; `bgapi` without a Job-UUID is given one.
 */
export class EventSocket {
  readonly commands: string[] = [];
  user = "";
  lingers = false;
  /** Answers nothing any more, as a FreeSWITCH that was stopped. */
  wedged = false;
  readonly #socket: Line;
  readonly #board: Switchboard;
  readonly #call: Controlled | undefined;
  readonly #wanted = new Set<string>();
  readonly #filters: [name: string, value: string][] = [];
  #format: "plain" | "json" = "plain";
  #authed: boolean;
  #rest = "";

  constructor(socket: Line, { board, call }: { board: Switchboard; call?: Controlled }) {
    this.#socket = socket;
    this.#board = board;
    this.#call = call;
    this.#authed = call !== undefined;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (data) => this.#onData(String(data)));
    if (!call) socket.write("Content-Type: auth/request\n\n");
  }

  get open(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  onClose(run: () => void): void {
    this.#socket.on("close", run);
  }

  /** Sent where it is wanted and no filter forbids it. */
  event(event: FakeEvent): void {
    const { name, headers } = event;
    const wanted =
      this.#wanted.has(name) || this.#wanted.has(headers["Event-Subclass"] ?? "") || this.#wanted.has("ALL");
    const mine =
      this.#filters.length === 0 ||
      this.#filters.some(([key, value]) => (key === "Event-Name" ? name : headers[key]) === value);
    if (!this.open || !wanted || !mine) return;
    const text = this.#format === "json" ? jsonOf(event) : plainOf(event);
    this.#socket.write(
      `Content-Length: ${Buffer.byteLength(text)}\nContent-Type: text/event-${this.#format}\n\n${text}`,
    );
  }

  /** The channel is down. */
  channelDown(): void {
    if (!this.open || !this.#call) return;
    if (!this.lingers) this.goodbye();
    else
      this.#socket.write(
        `Content-Type: text/disconnect-notice\nControlled-Session-UUID: ${this.#call.uuid}\nContent-Disposition: linger\nLinger-Time: 5\nContent-Length: 0\n\n`,
      );
  }

  goodbye(): void {
    if (!this.open) return;
    const disposition = this.#call
      ? `Controlled-Session-UUID: ${this.#call.uuid}\nContent-Disposition: disconnect\n`
      : "";
    this.#socket.end(
      `Content-Type: text/disconnect-notice\n${disposition}Content-Length: ${GOODBYE.length}\n\n${GOODBYE}`,
    );
  }

  cut(): void {
    this.#socket.destroy();
  }

  #onData(text: string): void {
    const commands = (this.#rest + text).split("\n\n");
    this.#rest = commands.pop() ?? "";
    for (const command of commands) if (!this.wedged) this.#obey(command.replace(/^\n+/, ""));
  }

  #obey(command: string): void {
    const [line = "", ...lines] = command.split("\n");
    this.commands.push(line);
    const headers = Object.fromEntries(
      lines.map((one) => [one.split(": ", 1)[0]?.toLowerCase(), one.replace(/^[^:]*: /, "")]),
    );
    const [verb = "", ...words] = line.split(" ");
    if (!this.#authed) this.#authenticate(verb, words.join(" "));
    else if (verb === "connect" && this.#call) this.#greet(this.#call);
    else if (verb === "api") this.#api(words.join(" "));
    else if (verb === "bgapi") this.#background(words.join(" "), headers["job-uuid"] ?? randomUUID());
    else this.#reply(this.#answer(verb, words, headers));
    if (this.#authed && verb === "exit") this.goodbye();
  }

  #answer(verb: string, words: readonly string[], headers: Readonly<Record<string, string>>): string {
    if (verb === "linger") this.lingers = true;
    switch (verb) {
      case "linger":
        return `+OK will linger ${words[0]} seconds`;
      case "event":
        return this.#subscribe(words);
      case "filter":
        this.#filters.push([words[0] ?? "", words[1] ?? ""]);
        return `+OK filter added. [${words[0]}]=[${words[1]}]`;
      case "exit":
        return "+OK bye";
      case "nolog":
        return "-ERR not loging";
      case "sendmsg":
        this.#call?.sendmsg(headers);
        return "+OK";
      default:
        return "-ERR command not found";
    }
  }

  #authenticate(verb: string, text: string): void {
    const at = verb === "userauth" ? text.lastIndexOf(":") : -1;
    const user = text.slice(0, Math.max(0, at));
    if ((verb !== "auth" && verb !== "userauth") || this.#board.password(user) !== text.slice(at + 1)) {
      this.#reply("-ERR invalid");
      this.goodbye();
      return;
    }
    this.#authed = true;
    this.user = user;
    this.#reply("+OK accepted");
  }

  #greet(call: Controlled): void {
    const data = {
      ...call.data(),
      "Content-Type": "command/reply",
      "Reply-Text": "+OK\n",
      "Socket-Mode": "async",
      Control: "full",
    };
    // Its own Content-Type is the one that is not encoded: there is nothing in it to encode.
    this.#socket.write(`${linesOf({ "Event-Name": "CHANNEL_DATA", ...data })}\n`);
  }

  #subscribe([format, ...names]: readonly string[]): string {
    if (!names.some((name) => name === "ALL" || /^[A-Z_]{3,}$/.test(name)) || names.includes("NO_SUCH_EVENT"))
      return "-ERR no keywords supplied";
    this.#format = format === "json" ? "json" : "plain";
    for (const name of names) if (name !== "CUSTOM") this.#wanted.add(name);
    return `+OK event listener enabled ${this.#format}`;
  }

  #api(command: string): void {
    if (!this.#board.mayUse(this, command.split(" ", 1)[0] ?? "")) {
      this.#reply("-ERR permission denied");
      return;
    }
    const body = this.#board.api(command);
    this.#socket.write(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`);
  }

  #background(command: string, id: string): void {
    this.#socket.write(`Content-Type: command/reply\nReply-Text: +OK Job-UUID: ${id}\nJob-UUID: ${id}\n\n`);
    this.event({ name: "BACKGROUND_JOB", headers: { "Job-UUID": id }, body: this.#board.api(command) });
  }

  #reply(text: string): void {
    this.#socket.write(`Content-Type: command/reply\nReply-Text: ${text}\n\n`);
  }
}

const linesOf = (headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${name === "Content-Type" ? value : encode(value)}\n`)
    .join("");

const plainOf = ({ name, headers, body }: FakeEvent): string => {
  const length = body === "" ? "" : `Content-Length: ${Buffer.byteLength(body)}\n`;
  return `${linesOf({ "Event-Name": name, ...headers })}${length}\n${body}`;
};

const jsonOf = ({ name, headers, body }: FakeEvent): string =>
  JSON.stringify({ "Event-Name": name, ...headers, ...(body === "" ? {} : { _body: body }) });
