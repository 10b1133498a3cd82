import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WebSocket } from "ws";
import { systemClock } from "../../../src/base/clock.ts";

export interface AudioStreamOptions {
  readonly uuid: string;
  readonly rate: 8000 | 16_000;
  /** The open build writes what it is sent to files; the duplex build plays it. */
  readonly build: "open" | "duplex";
  readonly folder: string;
  readonly emit: (subclass: string, body: object) => void;
  /** Only the duplex build. */
  readonly play: (pcm: Int16Array) => void;
}

const CONNECT_MS = 1000;

/**
 * mod_audio_stream on one channel, as a client. Facts: `start` says +OK before it connects; metadata first, then one binary
 * message per 20 ms; refused and 401 are error code 6, a silent server code 10 after 1 s, an abnormal close code 1, a close
 * frame `disconnect`; no reconnect; a second `start` is -ERR until `stop`; a backlog is kept and sent when there is room.
 */
export class FakeAudioStream {
  readonly #options: AudioStreamOptions;
  /** What would have crashed the module. */
  readonly crashes: string[] = [];
  readonly variables = new Map<string, string>();
  /** Someone else's stream, or the same module a second time: every start is refused. */
  busy = false;
  /** Files are written so much after they were sent. */
  lateMs = 0;
  /** What the caller's codec carries. The resampler that fits it is made at `start`, and stays. */
  nativeRate: number;
  #socket: WebSocket | undefined;
  #fitsRate: number;
  #attached = false;
  #files = 0;
  #written: string[] = [];
  #stalled: Buffer[] | undefined;

  constructor(options: AudioStreamOptions) {
    this.#options = options;
    this.nativeRate = this.#fitsRate = options.rate;
  }

  get attached(): boolean {
    return this.#attached;
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** The command after its uuid. Arguments split on spaces. */
  command(text: string, answered: boolean): string {
    const [verb, url = "", mix = "", rate, metadata = ""] = text.split(" ");
    if (verb === "stop") return this.stop() ? "+OK Success" : "-ERR Operation Failed";
    if (verb !== "start" || mix === "") return "-USAGE: <uuid> [start | stop | …]";
    if (!answered) this.crashes.push("started before there was media");
    if (rate === undefined) this.crashes.push("started without a rate");
    if (!this.variables.has("STREAM_MESSAGE_DEFLATE")) this.crashes.push("STREAM_MESSAGE_DEFLATE is not initialised");
    if (!this.variables.has("STREAM_HEART_BEAT")) this.crashes.push("STREAM_HEART_BEAT is not initialised");
    if (this.#attached || this.busy || mix !== "mono" || !/^wss?:/.test(url)) return "-ERR Operation Failed";
    this.#attached = true;
    this.#fitsRate = this.nativeRate;
    this.#connect(url, metadata);
    return "+OK Success";
  }

  /** 20 ms of the caller. */
  frame(pcm: Int16Array): void {
    const fitting = Uint8Array.from(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength));
    const data = Buffer.alloc((fitting.length * this.nativeRate) / this.#fitsRate, fitting);
    if (this.#stalled) this.#stalled.push(data);
    else if (this.connected) this.#socket?.send(data);
  }

  /** The server stops to read: what is sent meanwhile waits in the module. */
  stall(): void {
    this.#stalled = [];
  }

  /** The server reads again. */
  flow(): void {
    const waiting = this.#stalled ?? [];
    this.#stalled = undefined;
    for (const data of waiting) this.#socket?.send(data);
  }

  /** Anything, also what no module would send. */
  sendRaw(data: Uint8Array | string): void {
    this.#socket?.send(data);
  }

  /** A stream that somebody has left here, to a host that is away. */
  occupy(): void {
    this.#attached = true;
  }

  /** The connection breaks without a word. */
  break(): void {
    this.#socket?.terminate();
  }

  stop(): boolean {
    if (!this.#attached) return false;
    this.#attached = false;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    for (const file of this.#written) rmSync(file, { force: true });
    this.#written = [];
    return true;
  }

  hangUp(): void {
    if (this.#attached) this.crashes.push("hung up while it ran");
    this.stop();
  }

  #connect(url: string, metadata: string): void {
    const { emit } = this.#options;
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: CONNECT_MS });
    this.#socket = socket;
    let open = false;
    socket.on("open", () => {
      open = true;
      if (metadata !== "") socket.send(metadata);
      emit("mod_audio_stream::connect", { status: "connected" });
    });
    socket.on("error", (error) => {
      if (this.#socket !== socket || open) return;
      const timeout = /timed out/.test(error.message);
      this.#failed(timeout ? 10 : 6, timeout ? "Timeout" : "Connection failed");
    });
    socket.on("close", (code) => {
      if (this.#socket !== socket || !open) return;
      if (code === 1006) this.#failed(1, "I/O error");
      else emit("mod_audio_stream::disconnect", { status: "disconnected", message: { code, reason: "" } });
    });
    // What comes after `stop` has nobody to read it.
    socket.on(
      "message",
      (data: Buffer, isBinary) =>
        this.#socket === socket && (isBinary ? this.#onBinary(data) : this.#onText(String(data))),
    );
  }

  /** An error takes the bug off the channel: then `start` works again. */
  #failed(code: number, error: string): void {
    this.#attached = false;
    this.#socket = undefined;
    this.#options.emit("mod_audio_stream::error", { status: "error", message: { code, error } });
  }

  #onBinary(data: Buffer): void {
    const { build, play, rate } = this.#options;
    // The open build ignores it; the other must know the rate.
    if (build === "open" || this.variables.get("STREAM_PLAYBACK") !== "true") return;
    if (this.variables.get("STREAM_SAMPLE_RATE") !== String(rate)) return;
    play(new Int16Array(Uint8Array.from(data).buffer));
  }

  #onText(text: string): void {
    const { build, emit } = this.#options;
    const { type, data } = JSON.parse(text) as { type: string; data: Record<string, unknown> };
    const { audioData, ...rest } = data;
    if (text.length > 90_000) this.break();
    else if (type !== "streamAudio") emit("mod_audio_stream::json", { type });
    else if (build === "duplex") emit("mod_audio_stream::play", rest);
    else if (this.lateMs > 0)
      systemClock.after(this.lateMs, () => this.#attached && this.#write(String(audioData), rest));
    else this.#write(String(audioData), rest);
  }

  #write(audioData: string, rest: Record<string, unknown>): void {
    const { uuid, folder, emit } = this.#options;
    const file = join(folder, `${uuid}_${this.#files++}.tmp.r${Number(rest.sampleRate) / 1000}`);
    writeFileSync(file, Buffer.from(audioData, "base64"));
    this.#written.push(file);
    emit("mod_audio_stream::play", { ...rest, file });
  }
}

export const samplesOf = (file: string): Int16Array => new Int16Array(Uint8Array.from(readFileSync(file)).buffer);
