import { createServer, type Server, type Socket } from "node:net";
import type { SampleRate } from "../../audio/frame.ts";
import { LineMedia } from "../../audio/line-media.ts";
import type { Clock } from "../../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { abortable, withDeadline } from "../../base/signals.ts";
import { AudioSocketReader, audioSocketMessage, KIND, uuidOf } from "./audiosocket-reader.ts";
import type { Line, LineCounts } from "./line.ts";

export interface AudioSocketOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly counts: LineCounts;
}

// A connection says at once which call it is; its event may come a little later than it.
const INTRODUCE_MS = 1000;
const EXPECT_MS = 1000;
// The first sound tells the rate. A caller who suppresses silence sends none; then it is the narrow one.
const FIRST_SOUND_MS = 200;
const HANGUP_MS = 500;
const MAX_STRANGERS = 100;
const MAX_UNSENT_BYTES = 16 * 1024;

/** Asterisk connects to us, one connection a call, and only calls that were announced are taken. */
export class AudioSocketServer {
  readonly #options: AudioSocketOptions;
  readonly #server: Server;
  /** Calls that an event announced, and that have not connected; and the other way round. */
  readonly #expected = new Map<string, (line: AudioSocketLine) => void>();
  readonly #early = new Map<string, AudioSocketLine>();
  readonly #lines = new Set<AudioSocketLine>();
  #strangers = 0;
  #refused = 0;

  constructor(options: AudioSocketOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
  }

  /** Connections that named no call of ours, or said nothing. */
  get refused(): number {
    return this.#refused;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Rejects with code "unfit" and what to do when the port cannot be had. */
  listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => {
        const taken = codeOf(error) === "EADDRINUSE";
        const why = taken ? "is taken by another program" : `cannot be had (${messageOf(error)})`;
        const todo =
          "choose another in engines.asterisk.audiosocket.port, and in SIDETONE_AUDIOSOCKET of the dialplan's globals";
        reject(new OutsideError("unfit", `The AudioSocket port ${host}:${port} ${why}: ${todo}.`, { cause: error }));
      };
      this.#server.once("error", onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", onError);
        this.#server.on("error", (error) => this.#options.log.warn({ err: error }, "AudioSocket server error"));
        resolve();
      });
    });
  }

  /** Lets nobody in any more, and another worker have the port; calls that are up stay. */
  shut(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Resolves with the announced call's line. Rejects with code "timeout" when it does not connect: another controller has it. */
  async expect(id: string, signal: AbortSignal): Promise<Line> {
    const { clock } = this.#options;
    const key = id.toLowerCase();
    const early = this.#early.get(key);
    this.#early.delete(key);
    const message = "The announced call did not connect to AudioSocket.";
    const connected = (): Promise<AudioSocketLine> => new Promise((resolve) => this.#expected.set(key, resolve));
    try {
      const line = early ?? (await withDeadline(connected, { clock, ms: EXPECT_MS, message, signal }));
      await line.start(signal);
      return line;
    } finally {
      this.#expected.delete(key);
    }
  }

  /** Ends all lines; their calls go on in the dialplan. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const line of this.#lines) line.destroy();
    await closed;
  }

  #onConnection(socket: Socket): void {
    if (this.#strangers >= MAX_STRANGERS) {
      this.#refused++;
      socket.destroy();
      return;
    }
    this.#strangers++;
    const { clock, counts } = this.#options;
    const line = new AudioSocketLine({ socket, clock, counts, onId: (id) => this.#onId(line, id) });
    this.#lines.add(line);
    const tooLate = clock.after(INTRODUCE_MS, () => {
      if (line.taken) return;
      this.#refused++;
      line.destroy();
    });
    const settled = (): void => {
      this.#strangers--;
      tooLate.cancel();
    };
    const closed = (): void => {
      this.#lines.delete(line);
    };
    line.settled.then(settled, settled);
    line.closed.then(closed, closed);
  }

  #onId(line: AudioSocketLine, id: string): void {
    const take = this.#expected.get(id);
    if (take) {
      take(line);
      return;
    }
    this.#early.set(id, line);
    const forget = (): void => {
      if (this.#early.get(id) === line) this.#early.delete(id);
    };
    line.settled.then(forget, forget);
  }
}

class AudioSocketLine implements Line {
  readonly closed: Promise<void>;
  /** Resolves when it has been taken, or is closed. */
  readonly settled: Promise<void>;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #counts: LineCounts;
  readonly #onId: (id: string) => void;
  readonly #firstSound = Promise.withResolvers<SampleRate>();
  readonly #settle: () => void;
  #id = "";
  #taken = false;
  #media: LineMedia | undefined;
  #onDigit: (digit: string) => void = () => {};

  constructor(options: { socket: Socket; clock: Clock; counts: LineCounts; onId: (id: string) => void }) {
    this.#socket = options.socket;
    this.#clock = options.clock;
    this.#counts = options.counts;
    this.#onId = options.onId;
    const settled = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    this.settled = settled.promise;
    this.closed = closed.promise;
    this.#settle = settled.resolve;
    const reader = new AudioSocketReader();
    this.#socket.on("data", (data) => {
      const fault = reader.push(data, (kind, payload) => this.#onMessage(kind, payload));
      if (fault) this.destroy();
    });
    // What went wrong is told by the close that follows.
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#media?.close();
      this.#settle();
      closed.resolve();
    });
  }

  get taken(): boolean {
    return this.#taken;
  }

  get media(): LineMedia {
    if (!this.#media) throw new Error("the line has not started");
    return this.#media;
  }

  onDigit(listener: (digit: string) => void): void {
    this.#onDigit = listener;
  }

  /** Rejects with code "closed" when the caller is gone already. */
  async start(signal: AbortSignal): Promise<void> {
    this.#taken = true;
    this.#settle();
    if (this.#socket.destroyed) throw new OutsideError("closed", "Asterisk closed the AudioSocket connection.");
    // Some builds send nothing before they have got something.
    this.#socket.write(audioSocketMessage(KIND.slin, new Uint8Array(320)));
    const late = this.#clock.after(FIRST_SOUND_MS, () => this.#firstSound.resolve(8000));
    const rate = await abortable(this.#firstSound.promise, signal).finally(() => late.cancel());
    const kind = rate === 16_000 ? KIND.slin16 : KIND.slin;
    const sink = { send: (pcm: Int16Array) => this.#send(kind, pcm), flush: () => {} };
    this.#media = new LineMedia({ clock: this.#clock, rate, leadMs: 0, sink });
    this.#media.start();
  }

  async hangUp(): Promise<void> {
    this.#media?.close();
    if (!this.#socket.destroyed) this.#socket.end(audioSocketMessage(KIND.hangup));
    const late = this.#clock.after(HANGUP_MS, () => this.destroy());
    await this.closed;
    late.cancel();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onMessage(kind: number, payload: Buffer): void {
    if (kind === KIND.slin || kind === KIND.slin16) this.#onSound(kind === KIND.slin16 ? 16_000 : 8000, payload);
    else if (kind === KIND.id && this.#id === "" && payload.length === 16) {
      this.#id = uuidOf(payload);
      this.#onId(this.#id);
    } else if (kind === KIND.digit && payload.length === 1) this.#onDigit(payload.toString("latin1"));
    else if (kind === KIND.hangup || kind === KIND.error) this.destroy();
    else this.#counts.refusedTexts++;
  }

  #onSound(rate: SampleRate, payload: Buffer): void {
    this.#firstSound.resolve(rate);
    if (!this.#media) return;
    if (this.#media.rate !== rate) {
      this.#counts.refusedPackets++;
      return;
    }
    const before = this.#media.refusedPackets;
    this.#media.received(payload);
    this.#counts.refusedPackets += this.#media.refusedPackets - before;
  }

  #send(kind: number, pcm: Int16Array): void {
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#counts.droppedFrames++;
    else if (this.#socket.writable)
      this.#socket.write(audioSocketMessage(kind, new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)));
  }
}
