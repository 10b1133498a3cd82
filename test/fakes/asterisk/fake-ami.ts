import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

type Fields = Readonly<Record<string, string>>;
export interface AmiAction {
  readonly action: string;
  readonly fields: Fields;
}

/** What to answer, or "Success" with a message. Throws what is answered as an error. */
export type AmiHandler = (action: string, fields: Fields) => Fields;

/** A manager interface: greets, wants a login, answers every action with its ActionID. */
export class FakeAmi {
  readonly actions: AmiAction[] = [];
  onAction: (action: AmiAction) => void = () => {};
  /** Takes connections and says nothing. */
  mute = false;
  greeting = "Asterisk Call Manager/11.0.0";
  readonly #password: () => string;
  readonly #handle: AmiHandler;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor(password: () => string, handle: AmiHandler) {
    this.#password = password;
    this.#handle = handle;
    this.#server = createServer((socket) => this.#onConnection(socket));
  }

  get port(): number {
    return this.#port;
  }

  /** At the port that it had before, if it had one. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    if (this.mute) return;
    socket.write(`${this.greeting}\r\n`);
    const session = { loggedIn: false };
    let text = "";
    socket.on("data", (data) => {
      text += data;
      const messages = text.split("\r\n\r\n");
      text = messages.pop() ?? "";
      // In small pieces, as a network may deliver it.
      for (const message of messages) for (const piece of pieces(this.#answer(session, message))) socket.write(piece);
    });
  }

  #answer(session: { loggedIn: boolean }, message: string): string {
    const fields = Object.fromEntries(
      message.split("\r\n").map((line) => line.split(/: ?(.*)/s, 2) as [string, string]),
    );
    const action = fields.Action ?? "";
    this.actions.push({ action, fields });
    this.onAction({ action, fields });
    const answer = (response: Fields): string =>
      `${Object.entries({ ActionID: fields.ActionID ?? "", ...response })
        .map(([key, value]) => `${key}: ${value}\r\n`)
        .join("")}\r\n`;
    const error = (text: string): string => answer({ Response: "Error", Message: text });
    if (action === "Login") {
      session.loggedIn = fields.Secret === this.#password();
      return session.loggedIn
        ? answer({ Response: "Success", Message: "Authentication accepted" })
        : error("Authentication failed");
    }
    if (!session.loggedIn) return error("Permission denied");
    if (action === "Ping") return answer({ Response: "Success", Ping: "Pong" });
    try {
      return answer({ Response: "Success", ...this.#handle(action, fields) });
    } catch (cause) {
      return error((cause as Error).message);
    }
  }
}

const pieces = (text: string): string[] => text.match(/[\s\S]{1,7}/g) ?? [];
