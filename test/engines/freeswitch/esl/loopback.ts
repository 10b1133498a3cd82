import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** Somebody on loopback who says what he is told to say, whatever he is asked. */
export class Talker {
  readonly heard: string[] = [];
  readonly sockets: Socket[] = [];
  /** Runs for every blank line that ends a command. */
  answer: (command: string, socket: Socket) => void = () => {};
  greeting = "";
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      socket.write(this.greeting);
      let rest = "";
      socket.on("data", (data) => {
        const commands = (rest + data.toString()).split("\n\n");
        rest = commands.pop() ?? "";
        for (const command of commands) {
          this.heard.push(command);
          this.answer(command, socket);
        }
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }
}

export const reply = (text: string): string => `Content-Type: command/reply\nReply-Text: ${text}\n\n`;
export const response = (body: string): string =>
  `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`;
export const plainEvent = (headers: string): string =>
  `Content-Length: ${Buffer.byteLength(headers)}\nContent-Type: text/event-plain\n\n${headers}`;
