import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { AudioSocketReader, audioSocketMessage, KIND } from "../../../src/engines/asterisk/audiosocket-reader.ts";
import type { LentCall } from "./lent-call.ts";

/** The media channel of a call, once somebody has connected to it. */
export interface FakeMedia {
  toController(pcm: Int16Array): void;
  /** What Asterisk plays in this 20 ms; undefined: nothing is there, and no packet is sent. */
  nextFrame(): Int16Array | undefined;
  digit(digit: string): void;
  end(): void;
}

const QUEUE_FRAMES = 1000;
const XOFF_FRAMES = 900;
const XON_FRAMES = 800;
const MAX_TEXT_BYTES = 128;

const bytesOf = (pcm: Int16Array): Uint8Array => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const pcmOf = (data: Uint8Array): Int16Array => new Int16Array(new Uint8Array(data).buffer);

/** chan_websocket: a queue of 20 s that Asterisk empties in real time, JSON control of at most 128 bytes. */
export class WebsocketMedia implements FakeMedia {
  /** Commands that were obeyed. */
  readonly commands: string[] = [];
  onCommand: (command: string) => void = () => {};
  /** A frame that the controller sent, as it came; the buffer is the socket's. */
  onFrame: (data: Buffer) => void = () => {};
  queue: Int16Array[] = [];
  /** Let in, and not listened to. */
  unheard = false;
  /** The controller has closed it. */
  left = false;
  discarded = 0;
  ignoredTexts = 0;
  readonly #socket: WebSocket;
  readonly #frameBytes: number;
  #off = false;

  constructor(socket: WebSocket, call: LentCall) {
    this.#socket = socket;
    this.#frameBytes = call.wideband ? 640 : 320;
    socket.on("message", (data: Buffer, isBinary) => {
      if (!this.unheard) isBinary ? this.#onSound(data) : this.#onText(data);
    });
    socket.on("close", () => {
      this.left = true;
      if (!this.unheard) call.mediaEnded();
    });
    socket.on("error", () => {});
    this.tell({
      event: "MEDIA_START",
      connection_id: call.connection,
      channel_id: call.mediaChannel,
      format: call.wideband ? "slin16" : "slin",
      optimal_frame_size: this.#frameBytes,
      ptime: 20,
      channel_variables: {},
    });
  }

  toController(pcm: Int16Array): void {
    this.#socket.send(bytesOf(pcm));
  }

  nextFrame(): Int16Array | undefined {
    const frame = this.queue.shift();
    if (this.#off && this.queue.length < XON_FRAMES) {
      this.#off = false;
      this.tell({ event: "MEDIA_XON" });
    }
    return frame;
  }

  digit(digit: string): void {
    this.tell({ event: "DTMF_END", digit });
  }

  end(): void {
    this.#socket.close();
  }

  /** Any text, also one that no Asterisk would send. */
  tell(message: object | string): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  sendRaw(data: Uint8Array): void {
    this.#socket.send(data);
  }

  // Without START_MEDIA_BUFFERING what is no whole frame is discarded; beyond the queue all is, silently.
  #onSound(data: Buffer): void {
    if (data.length !== this.#frameBytes || this.queue.length >= QUEUE_FRAMES) {
      this.discarded++;
      return;
    }
    this.onFrame(data);
    this.queue.push(pcmOf(data));
    if (this.#off || this.queue.length < XOFF_FRAMES) return;
    this.#off = true;
    this.tell({ event: "MEDIA_XOFF" });
  }

  #onText(data: Buffer): void {
    if (data.length > MAX_TEXT_BYTES) {
      this.ignoredTexts++;
      return;
    }
    const { command } = JSON.parse(data.toString()) as { command: string };
    this.commands.push(command);
    this.onCommand(command);
    if (command === "FLUSH_MEDIA") this.queue = [];
    else if (command === "HANGUP") this.#socket.close();
    else if (command === "GET_STATUS")
      this.tell({ event: "STATUS", queue_length: this.queue.length, queue_full: this.#off, media_paused: false });
  }
}

/** chan_audiosocket as the client that it is: whoever listens gets the id first, and paces himself. */
export class AudioSocketMedia implements FakeMedia {
  queue: Int16Array[] = [];
  readonly #socket: Socket;
  readonly #kind: number;

  constructor(socket: Socket, call: LentCall) {
    this.#socket = socket;
    this.#kind = call.wideband ? KIND.slin16 : KIND.slin;
    const reader = new AudioSocketReader();
    socket.on("data", (data) => {
      reader.push(data, (kind, payload) => {
        if (kind === KIND.hangup) socket.end();
        else if (kind === this.#kind) this.queue.push(pcmOf(payload));
      });
    });
    socket.write(audioSocketMessage(KIND.id, Buffer.from(call.connection.replaceAll("-", ""), "hex")));
  }

  toController(pcm: Int16Array): void {
    this.#socket.write(audioSocketMessage(this.#kind, bytesOf(pcm)));
  }

  nextFrame(): Int16Array | undefined {
    return this.queue.shift();
  }

  digit(digit: string): void {
    this.#socket.write(audioSocketMessage(KIND.digit, Buffer.from(digit)));
  }

  end(): void {
    if (this.#socket.writable) this.#socket.end(audioSocketMessage(KIND.hangup));
  }
}
