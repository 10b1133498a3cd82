import type { Duplex } from "node:stream";
import { type RawData, WebSocket } from "ws";
import { type SampleRate, samplesPerFrame } from "../../audio/frame.ts";
import { LineMedia } from "../../audio/line-media.ts";
import type { Clock } from "../../base/clock.ts";
import { OutsideError } from "../../base/errors.ts";
import { withinBeats } from "../../base/signals.ts";
import { parseJson } from "./ari.ts";
import type { Line, LineCounts } from "./line.ts";
import { SoundFrames } from "./sound-frames.ts";

export interface WebsocketMediaOptions {
  /** Asterisk's HTTP server, as in the options. */
  readonly url: string;
  /** The connection's id, from the event that lent the call. */
  readonly id: string;
  readonly clock: Clock;
  readonly counts: LineCounts;
  readonly signal: AbortSignal;
}

// The dialplan waits for half a second; what is later finds nobody. Once Asterisk has answered it waits as long as we do.
const OPEN_MS = 450;
const LEAD_MS = 100;
// Of a reply at least 50 ms are there when more are sent. Silence is made forgotten by the first frame of a reply.
const BATCH = { speech: 3, comfort: 10 } as const;
// Asterisk's queue is at most the lead, or silence and a frame on the way. What is well above that is old sound that would stay old.
const QUEUE_LIMIT_FRAMES = BATCH.comfort + LEAD_MS / 20;
const STATUS_MS = 1000;
const SILENT_STATUSES = 10;
const HANGUP_MS = 500;
// Sound that the kernel does not take for as long as this is too old to be sent.
const MAX_UNSENT_BYTES = 16 * 1024;
const MAX_TEXT_BYTES = 64 * 1024;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
// chan_websocket ignores a longer command.
const MAX_COMMAND_BYTES = 127;
const RATES: ReadonlyMap<unknown, SampleRate> = new Map([
  ["slin", 8000],
  ["slin16", 16_000],
]);

type Command = "HANGUP" | "FLUSH_MEDIA" | "GET_STATUS";

/**
 * Takes a lent call over chan_websocket. Rejects with code "taken" when another controller was first, "unknown" when the
 * call is no longer offered, "refused", "timeout", or the signal's reason.
 */
export async function openWebsocketMedia(options: WebsocketMediaOptions): Promise<Line> {
  const line = new WebsocketLine(options);
  const message = `Asterisk did not start the media in ${OPEN_MS} ms.`;
  try {
    await withinBeats(() => line.started, { clock: options.clock, ms: OPEN_MS, message, signal: options.signal });
  } catch (error) {
    line.abandon();
    throw error;
  }
  return line;
}

class WebsocketLine implements Line {
  readonly started: Promise<void>;
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #counts: LineCounts;
  readonly #onClosed: () => void;
  #media: LineMedia | undefined;
  #start: (media: LineMedia) => void;
  #heard: () => void;
  #fail: (error: Error) => void;
  #onDigit: (digit: string) => void = () => {};
  #full = false;
  #connection: Duplex | undefined;
  #frames: SoundFrames | undefined;
  #unanswered = 0;

  constructor({ url, id, clock, counts }: WebsocketMediaOptions) {
    this.#clock = clock;
    this.#counts = counts;
    const started = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    this.started = started.promise;
    this.closed = closed.promise;
    // A failure is told once, to whoever opens; without a reader it is nobody's.
    this.started.catch(() => {});
    this.#onClosed = closed.resolve;
    this.#fail = started.reject;
    this.#start = (media) => {
      this.#media = media;
      media.start();
      this.#watch();
      // Of two that come in the same moment both are let in, and told that it starts. Whom Asterisk listens to has an answer.
      this.#command("GET_STATUS");
    };
    this.#heard = started.resolve;
    const options = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES };
    this.#socket = new WebSocket(`${url.replace(/\/+$/, "")}/media/${encodeURIComponent(id)}`, ["media"], options);
    this.#listen();
  }

  get media(): LineMedia {
    if (!this.#media) throw new Error("the line has not started");
    return this.#media;
  }

  onDigit(listener: (digit: string) => void): void {
    this.#onDigit = listener;
  }

  async hangUp(): Promise<void> {
    this.#media?.close();
    this.#command("HANGUP");
    const late = this.#clock.after(HANGUP_MS, () => this.#socket.terminate());
    await this.closed;
    late.cancel();
  }

  /** Before it has started: nobody will use it. */
  abandon(): void {
    this.#socket.terminate();
  }

  // All listeners before anything can come: on a busy host sound is there before MEDIA_START.
  #listen(): void {
    const socket = this.#socket;
    socket.on("upgrade", (response) => {
      this.#connection = response.socket;
    });
    socket.on("message", (data, isBinary) => (isBinary ? this.#onSound(data) : this.#onText(data)));
    socket.on("unexpected-response", (request, response) => {
      request.destroy();
      const status = response.statusCode ?? 0;
      const code = status === 409 ? "taken" : status === 404 ? "unknown" : "refused";
      this.#fail(new OutsideError(code, `Asterisk answered ${status} to the media connection.`));
      this.#onClosed();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => {
      this.#fail(new OutsideError("closed", "Asterisk closed the media connection."));
      this.#media?.close();
      this.#onClosed();
    });
  }

  #onSound(data: RawData): void {
    if (!this.#media) return;
    const before = this.#media.refusedPackets;
    this.#media.received(data as Buffer);
    this.#counts.refusedPackets += this.#media.refusedPackets - before;
  }

  #onText(data: RawData): void {
    const text = data as Buffer;
    const message = text.length > MAX_TEXT_BYTES ? undefined : parseJson(text.toString());
    if (typeof message !== "object" || message === null) {
      this.#counts.refusedTexts++;
      return;
    }
    const { event, format, digit, queue_length, queue_full } = message as Record<string, unknown>;
    if (event === "MEDIA_START") this.#onStart(format);
    else if (event === "DTMF_END" && typeof digit === "string") this.#onDigit(digit);
    else if (event === "MEDIA_XOFF") this.#onFull();
    else if (event === "MEDIA_XON") this.#full = false;
    else if (event === "STATUS" && typeof queue_length === "number") this.#onStatus(queue_length, queue_full === true);
  }

  #onStart(format: unknown): void {
    if (this.#media) return;
    const rate = RATES.get(format);
    if (!rate) {
      this.#fail(
        new OutsideError(
          "refused",
          `The dialplan lends the call as "${typeof format === "string" ? format.slice(0, 20) : ""}"; Sidetone takes slin and slin16.`,
        ),
      );
      return;
    }
    if (this.#connection)
      this.#frames = new SoundFrames(this.#connection, {
        frameBytes: samplesPerFrame(rate) * 2,
        frames: Math.max(BATCH.speech, BATCH.comfort),
      });
    const sink = { send: (pcm: Int16Array) => this.#send(pcm), flush: () => this.#command("FLUSH_MEDIA") };
    this.#start(new LineMedia({ clock: this.#clock, rate, leadMs: LEAD_MS, sink, batch: BATCH }));
  }

  #send(pcm: Int16Array): void {
    if (this.#full || this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#counts.droppedFrames++;
      return;
    }
    if (this.#socket.readyState === WebSocket.OPEN) this.#frames?.add(pcm);
  }

  #command(command: Command): void {
    const text = JSON.stringify({ command });
    if (this.#socket.readyState !== WebSocket.OPEN || text.length > MAX_COMMAND_BYTES) return;
    // What was sent before it is meant by it.
    this.#frames?.flush();
    this.#socket.send(text);
  }

  /** Once a second: a backlog never drains at real time, and a PBX that is silent for long is gone. */
  #watch(): void {
    const timer = this.#clock.every(STATUS_MS, () => {
      if (++this.#unanswered > SILENT_STATUSES) return this.#socket.terminate();
      this.#command("GET_STATUS");
    });
    void this.closed.then(() => timer.cancel());
  }

  #onStatus(frames: number, full: boolean): void {
    this.#unanswered = 0;
    this.#heard();
    // Some versions say nothing when a flush has made room.
    if (this.#full && !full) this.#full = false;
    if (frames > QUEUE_LIMIT_FRAMES) this.#flushBacklog();
  }

  /** Eighteen seconds wait in Asterisk: nobody wants to hear them. */
  #onFull(): void {
    this.#full = true;
    this.#flushBacklog();
  }

  #flushBacklog(): void {
    this.#counts.flushes++;
    this.#command("FLUSH_MEDIA");
  }
}
