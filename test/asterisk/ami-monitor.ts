import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { systemClock } from "../../src/base/clock.ts";

export type AmiMessage = Readonly<Record<string, string>>;

/** A manager connection of the test's own user: sees events, sets variables, may originate. */
export class AmiMonitor {
  readonly events: AmiMessage[] = [];
  readonly #socket: Socket;
  readonly #replies = new Map<string, (message: AmiMessage) => void>();
  readonly #looks = new Set<() => void>();
  #text = "";
  #actions = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#onText(text));
  }

  static async open({ port, secret }: { port: number; secret: string }): Promise<AmiMonitor> {
    const socket = createConnection(port, "127.0.0.1");
    await once(socket, "connect");
    const monitor = new AmiMonitor(socket);
    await monitor.action({ Action: "Login", Username: "monitor", Secret: secret });
    return monitor;
  }

  /** Rejects when Asterisk says Error. */
  async action(fields: Readonly<Record<string, string>>): Promise<AmiMessage> {
    const actionId = String(++this.#actions);
    const reply = new Promise<AmiMessage>((resolve) => this.#replies.set(actionId, resolve));
    const lines = Object.entries({ ...fields, ActionID: actionId }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(`${lines.join("")}\r\n`);
    const message = await reply;
    if (message.Response === "Error") throw new Error(`${fields.Action}: ${message.Message}`);
    return message;
  }

  /** The first event that fits, of those that came or will; rejects after 8 s. */
  event(what: string, fits: (event: AmiMessage) => boolean): Promise<AmiMessage> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.events.find(fits);
        if (found === undefined) return;
        late.cancel();
        this.#looks.delete(look);
        resolve(found);
      };
      const late = systemClock.after(8_000, () => {
        this.#looks.delete(look);
        reject(new Error(`no ${what} within 8 s`));
      });
      this.#looks.add(look);
      look();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onText(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf("\r\n\r\n"); end >= 0; end = this.#text.indexOf("\r\n\r\n")) {
      const lines = this.#text.slice(0, end).split("\r\n");
      this.#text = this.#text.slice(end + 4);
      const pairs = lines.map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, Math.max(0, colon)), line.slice(colon + 1).trim()];
      });
      this.#onMessage(Object.fromEntries(pairs));
    }
  }

  #onMessage(message: AmiMessage): void {
    if (message.Event !== undefined) this.events.push(message);
    else this.#replies.get(message.ActionID ?? "")?.(message);
    for (const look of [...this.#looks]) look();
  }
}
