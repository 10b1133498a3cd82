import { EventEmitter } from "node:events";
import type { Socket } from "node:net";

/** More is no message of ours: the longest is the configuration with its agents. */
const MESSAGE_MAX = 64 * 1024 * 1024;

interface LinkEvents {
  message: [message: unknown];
  disconnect: [];
}

/** Messages over a socket, one JSON in a line: what the channel between a process and its child is, for two that are no relatives. */
export class Link extends EventEmitter<LinkEvents> {
  readonly #socket: Socket;
  #connected = true;
  #text = "";

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#connected = false;
      this.emit("disconnect");
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  send(message: unknown, _handle?: undefined, _options?: object, done?: (error: Error | null) => void): boolean {
    if (!this.#connected) {
      done?.(null);
      return false;
    }
    return this.#socket.write(`${JSON.stringify(message)}\n`, (error) => done?.(error ?? null));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      const message = parse(line);
      if (message === undefined) {
        this.close();
        return;
      }
      this.emit("message", message);
    }
    if (this.#text.length > MESSAGE_MAX) this.close();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
