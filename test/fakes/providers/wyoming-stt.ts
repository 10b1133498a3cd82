import { type AddressInfo, createServer, type Socket } from "node:net";
import { systemClock } from "../../../src/base/clock.ts";
import type { Fault } from "./server.ts";
import { Understanding, type UnderstandingOptions } from "./understanding.ts";

export interface FakeWyomingOptions extends UnderstandingOptions {
  readonly port?: number;
  /** From `audio-stop` to `transcript`. */
  readonly finalMs?: number;
  /** Sends `transcript-chunk` while it hears. */
  readonly streaming?: boolean;
}

interface Event {
  readonly type: string;
  readonly data?: Record<string, unknown>;
  readonly data_length?: number;
  readonly payload_length?: number;
}

/**
 * A recogniser of the Wyoming protocol as its README describes it (OHF-Voice/wyoming, read in November 2026): transcribe,
 * audio-start, audio-chunk, audio-stop; answers `transcript` and closes, as faster-whisper's does.
 */
export class FakeWyomingStt {
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #sockets = new Set<Socket>();
  readonly #options: FakeWyomingOptions;
  readonly events: Event[] = [];
  fault: Fault | undefined;
  attempts = 0;

  private constructor(options: FakeWyomingOptions) {
    this.#options = options;
  }

  static async start(options: FakeWyomingOptions = {}): Promise<FakeWyomingStt> {
    const fake = new FakeWyomingStt(options);
    await new Promise<void>((resolve) => fake.#server.listen(options.port ?? 0, "127.0.0.1", resolve));
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.attempts += 1;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.fault === "refuse") {
      socket.destroy();
      return;
    }
    let buffer = Buffer.alloc(0);
    const session = new Session(socket, this.#options, () => this.fault);
    socket.on("data", (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const end = buffer.indexOf(10);
        if (end < 0) return;
        const event = JSON.parse(buffer.subarray(0, end).toString("utf8")) as Event;
        const { data_length = 0, payload_length = 0 } = event;
        if (buffer.length < end + 1 + data_length + payload_length) return;
        const payload = buffer.subarray(end + 1 + data_length, end + 1 + data_length + payload_length);
        this.events.push(event);
        session.receive(event, payload);
        buffer = buffer.subarray(end + 1 + data_length + payload_length);
      }
    });
  }
}

class Session {
  readonly #socket: Socket;
  readonly #options: FakeWyomingOptions;
  readonly #fault: () => Fault | undefined;
  #understanding: Understanding | undefined;
  #shown = "";
  #stalled = false;

  constructor(socket: Socket, options: FakeWyomingOptions, fault: () => Fault | undefined) {
    this.#socket = socket;
    this.#options = options;
    this.#fault = fault;
  }

  receive({ type, data }: Event, payload: Buffer): void {
    if (type === "audio-start") this.#understanding = new Understanding(Number(data?.rate), this.#options);
    if (type === "audio-chunk") this.#audio(payload);
    if (type !== "audio-stop") return;
    const text = this.#fault() === "empty" ? "" : (this.#understanding?.take().text ?? "");
    systemClock.after(this.#options.finalMs ?? 20, () => {
      // The text goes apart from its header, as the reference implementation sends it.
      this.#send("transcript", { text });
      if (!this.#stalled && this.#fault() !== "silent") this.#socket.end();
    });
  }

  #audio(payload: Buffer): void {
    const pcm = new Int16Array(payload.length / 2);
    new Uint8Array(pcm.buffer).set(payload);
    this.#understanding?.push(pcm);
    const words = this.#understanding?.words ?? "";
    if (words === "" || words === this.#shown) return;
    if (this.#options.streaming) this.#send("transcript-chunk", { text: words.slice(this.#shown.length) });
    this.#shown = words;
    if (this.#fault() === "close") this.#socket.destroy();
    if (this.#fault() === "stall") this.#stalled = true;
  }

  #send(type: string, data: object): void {
    const fault = this.#fault();
    if (this.#stalled || fault === "silent" || this.#socket.destroyed) return;
    if (fault === "garbage") {
      this.#socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      return;
    }
    const body = JSON.stringify(data);
    this.#socket.write(`${JSON.stringify({ type, version: "1.5.4", data_length: Buffer.byteLength(body) })}\n${body}`);
  }
}
