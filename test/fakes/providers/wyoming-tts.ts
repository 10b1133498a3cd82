import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type Behaviour, Moods, pause } from "./behaviour.ts";
import { bytesOf, CHARACTER_MS, spoken } from "./voice-sound.ts";

interface Event {
  readonly type: string;
  readonly data?: { readonly text?: string; readonly voice?: Readonly<Record<string, unknown>> };
  readonly data_length?: number;
  readonly payload_length?: number;
}

const CHUNK_CHARACTERS = 4;

/**
 * A voice of the Wyoming protocol as its README describes it (OHF-Voice/wyoming, read in November 2026), like piper's: `synthesize`
 * is answered by audio-start, audio-chunk and audio-stop, in the voice's own rate; the connection stays.
 */
export class FakeWyomingTts {
  readonly moods: Moods;
  readonly requests: NonNullable<Event["data"]>[] = [];
  /** The protocol knows none. */
  key: string | undefined;
  connections = 0;
  /** Closes after each answer, as some servers do. */
  closes = false;
  readonly #rate: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#accept(socket));

  constructor({ rate = 22_050, mood = {} }: { rate?: number; mood?: Behaviour } = {}) {
    this.#rate = rate;
    this.moods = new Moods(mood);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
    let buffer = Buffer.alloc(0);
    let chain = Promise.resolve();
    socket.on("data", (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10)) {
        const event = JSON.parse(buffer.subarray(0, end).toString("utf8")) as Event;
        buffer = buffer.subarray(end + 1 + (event.data_length ?? 0) + (event.payload_length ?? 0));
        if (event.type !== "synthesize" || !event.data) continue;
        const { data } = event;
        this.requests.push(data);
        chain = chain.then(() => this.#speak(socket, data.text ?? ""));
      }
    });
  }

  async #speak(socket: Socket, text: string): Promise<void> {
    const fault = this.moods.next();
    const format = { rate: this.#rate, width: 2, channels: 1 };
    if (fault === "refuse") socket.destroy();
    if (fault === "garbage") socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    if (fault === "refuse" || fault === "garbage" || fault === "silent") return;
    if (!(await pause(this.moods.firstMs, socket))) return;
    send(socket, "audio-start", format);
    const half = fault === "stall" || fault === "close" ? Math.ceil(text.length / 2) : text.length;
    for (let at = 0; at < half && fault !== "empty"; at += CHUNK_CHARACTERS) {
      const piece = text.slice(at, at + CHUNK_CHARACTERS);
      send(socket, "audio-chunk", format, bytesOf(spoken(piece, this.#rate)));
      const { perSecond } = this.moods;
      if (perSecond > 0 && !(await pause((piece.length * CHARACTER_MS) / perSecond, socket))) return;
    }
    if (fault === "close") socket.destroy();
    if (fault === "close" || fault === "stall") return;
    send(socket, "audio-stop", {});
    if (this.closes) socket.end();
  }
}

/** The data goes apart from its header, as the reference implementation sends it. */
function send(socket: Socket, type: string, data: object, payload: Buffer = Buffer.alloc(0)): void {
  const body = Buffer.from(JSON.stringify(data));
  const lengths = { data_length: body.length, payload_length: payload.length };
  socket.write(
    Buffer.concat([Buffer.from(`${JSON.stringify({ type, version: "1.7.2", ...lengths })}\n`), body, payload]),
  );
}
