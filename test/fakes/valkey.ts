import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

interface Entry {
  readonly value: Buffer;
  readonly untilMs: number;
}

type Answer = string | number | null | Buffer | readonly Answer[] | Error;

export interface FakeValkeyOptions {
  readonly password?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A server on loopback that speaks Valkey's protocol (RESP2), as far as a journal needs it. */
export class FakeValkey {
  readonly #options: FakeValkeyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #entries = new Map<string, Entry>();
  /** Takes what it is told, and says nothing. */
  hangs = false;
  /** What it answers to whoever writes. */
  refuses = "";
  /** The commands that came, by their names. */
  readonly asked: string[] = [];
  #nowMs = (): number => performance.now();

  constructor(options: FakeValkeyOptions = {}) {
    this.#options = options;
    const onSocket = (socket: Socket): void => this.#serve(socket);
    this.#server = options.tls ? createTlsServer(options.tls, onSocket) : createServer(onSocket);
  }

  async listen(port = 0, host = "127.0.0.1"): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, host, resolve));
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** All that is kept, as somebody who reads the server's memory sees it. */
  get text(): string {
    return [...this.#entries].map(([key, { value }]) => `${key} ${value.toString("latin1")}`).join("\n");
  }

  get keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#entry(key)).sort();
  }

  /** So much time passes for what is kept. */
  pass(ms: number): void {
    const before = this.#nowMs;
    this.#nowMs = () => before() + ms;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    let waiting = Buffer.alloc(0);
    let known = this.#options.password === undefined;
    socket.on("data", (data: Buffer) => {
      waiting = Buffer.concat([waiting, data]);
      for (let read = commandIn(waiting); read; read = commandIn(waiting)) {
        waiting = waiting.subarray(read.length);
        const name = String(read.parts[0]).toLowerCase();
        this.asked.push(name);
        if (this.hangs) continue;
        if (name === "auth") {
          known = String(read.parts.at(-1)) === this.#options.password;
          socket.write(
            encoded(known ? "OK" : new Error("WRONGPASS invalid username-password pair or user is disabled.")),
          );
        } else if (!known) socket.write(encoded(new Error("NOAUTH Authentication required.")));
        else socket.write(encoded(this.#answer(name, read.parts.slice(1))));
      }
    });
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.untilMs <= this.#nowMs()) this.#entries.delete(key);
    return this.#entries.get(key);
  }

  #answer(name: string, parts: readonly Buffer[]): Answer {
    const [key = "", one = "", two = ""] = parts.map(String);
    if (this.refuses !== "" && ["set", "setrange", "del", "getdel"].includes(name)) return new Error(this.refuses);
    switch (name) {
      case "ping":
        return "PONG";
      case "client":
      case "select":
        return "OK";
      case "get":
        return this.#entry(key)?.value ?? null;
      case "set":
        return this.#set(key, parts);
      case "setrange":
        return this.#setRange(key, Number(one), parts[2] ?? Buffer.alloc(0));
      case "pexpire":
        return this.#expire(key, Number(one));
      case "pttl": {
        const entry = this.#entry(key);
        return entry ? Math.round(entry.untilMs - this.#nowMs()) : -2;
      }
      case "del":
        return Number(this.#entries.delete(key));
      case "getdel": {
        const value = this.#entry(key)?.value ?? null;
        this.#entries.delete(key);
        return value;
      }
      case "scan": {
        const [start = "", end = ""] = two.split("*");
        return ["0", this.keys.filter((each) => each.startsWith(start) && each.endsWith(end))];
      }
      default:
        return new Error(`ERR unknown command '${name}'`);
    }
  }

  #set(key: string, [, value = Buffer.alloc(0), ...options]: readonly Buffer[]): Answer {
    const words = options.map((word) => String(word).toUpperCase());
    if (words.includes("NX") && this.#entry(key)) return null;
    const ms = Number(words[words.indexOf("PX") + 1]);
    this.#entries.set(key, { value, untilMs: this.#nowMs() + ms });
    return "OK";
  }

  #setRange(key: string, at: number, data: Buffer): Answer {
    const { value, untilMs } = this.#entry(key) ?? { value: Buffer.alloc(0), untilMs: Number.POSITIVE_INFINITY };
    const whole = Buffer.alloc(Math.max(value.length, at + data.length));
    value.copy(whole);
    data.copy(whole, at);
    this.#entries.set(key, { value: whole, untilMs });
    return whole.length;
  }

  #expire(key: string, ms: number): Answer {
    const entry = this.#entry(key);
    if (entry) this.#entries.set(key, { ...entry, untilMs: this.#nowMs() + ms });
    return Number(entry !== undefined);
  }
}

/** The first whole command: an array of bulk strings. */
function commandIn(data: Buffer): { parts: Buffer[]; length: number } | undefined {
  let at = 0;
  const number = (): number | undefined => {
    const end = data.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const value = Number(data.toString("latin1", at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  if (count === undefined) return undefined;
  const parts: Buffer[] = [];
  for (let nth = 0; nth < count; nth++) {
    const size = number();
    if (size === undefined || data.length < at + size + 2) return undefined;
    parts.push(Buffer.from(data.subarray(at, at + size)));
    at += size + 2;
  }
  return { parts, length: at };
}

function encoded(answer: Answer): Buffer {
  if (answer === null) return Buffer.from("$-1\r\n");
  if (typeof answer === "number") return Buffer.from(`:${answer}\r\n`);
  if (answer instanceof Error) return Buffer.from(`-${answer.message}\r\n`);
  if (Buffer.isBuffer(answer))
    return Buffer.concat([Buffer.from(`$${answer.length}\r\n`), answer, Buffer.from("\r\n")]);
  if (typeof answer === "string") return Buffer.from(`$${Buffer.byteLength(answer)}\r\n${answer}\r\n`);
  return Buffer.concat([Buffer.from(`*${answer.length}\r\n`), ...answer.map(encoded)]);
}
