import { type RawData, WebSocket } from "ws";
import type { Clock } from "../../../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../../../base/errors.ts";
import { withDeadline } from "../../../base/signals.ts";
import type { MediaOptions } from "./options.ts";
import type { ChannelEvent, MediaChannel, MediaCounts } from "./port.ts";
import type { StreamServer } from "./server.ts";

// From the command to the connection, which the module makes after it has said +OK. It gives up by itself after a second.
const CONNECT_MS = 700;
const STOP_MS = 400;
/** How soon the module's place is free that was somebody else's. */
const FREED_MS = 20;
const MAX_TRIES = 5;
// Text that waits in the socket is sound that is too old.
const MAX_UNSENT_BYTES = 64 * 1024;
// Seconds between pings while nothing travels.
const HEART_BEAT_S = 15;

export interface AudioStreamOptions {
  readonly channel: MediaChannel;
  readonly clock: Clock;
  readonly counts: MediaCounts;
  readonly server: StreamServer;
  readonly media: MediaOptions;
  /** The module is to play binary messages: only the duplex build does. */
  readonly plays: boolean;
  /** Ends an attempt to start: the call goes back. */
  readonly signal: AbortSignal;
  readonly onPacket: (data: Uint8Array) => void;
  /** The connection that had been made is gone, with a sentence. */
  readonly onLost: (why: string) => void;
}

/**
 * One channel's mod_audio_stream. The module has crashed when it was started before there was media, without a rate, or
 * hung up while it ran: it is started with every argument, on an answered channel, and stopped before the call goes back.
 */
export class AudioStream {
  readonly #options: AudioStreamOptions;
  #socket: WebSocket | undefined;
  #started = false;
  #closed = false;
  /** What the caller's codec carries. The module's resampler fits the one of its start. */
  #codecRate: number;

  private constructor(options: AudioStreamOptions) {
    this.#options = options;
    this.#codecRate = options.channel.rate;
  }

  /**
   * Rejects with code "refused" when the module does not start (it runs already, for somebody else, or is not loaded) or
   * reports an error, "timeout" when it does not connect, or with the signal's reason.
   */
  static async open(options: AudioStreamOptions): Promise<AudioStream> {
    const stream = new AudioStream(options);
    await stream.#start();
    return stream;
  }

  /** Once more, after the connection was lost: the module does not reconnect, and refuses a second start until it was stopped. */
  async restart(): Promise<void> {
    if (this.#closed) throw new OutsideError("closed", "The call's sound has ended.");
    this.#drop();
    await this.#stop();
    await this.#start();
  }

  /** Sound for the duplex build. False: it could not be sent. */
  play(pcm: Int16Array): boolean {
    return this.#send(pcm);
  }

  text(message: string): boolean {
    return this.#send(message);
  }

  /** Stops the module, then closes. Never rejects. */
  async stop(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#stop();
    this.#drop();
  }

  /** On our side alone. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #start(): Promise<void> {
    const { server, clock, signal } = this.#options;
    await server.listen();
    const expected = server.expect();
    const failure = this.#failure();
    const message = `mod_audio_stream did not connect in ${CONNECT_MS} ms.`;
    try {
      const socket = await withDeadline((inner) => this.#connect(expected, failure.told, inner), {
        clock,
        ms: CONNECT_MS,
        message,
        signal,
      });
      this.#attach(socket);
    } catch (error) {
      // What connects from now on is nobody's.
      void expected.connected.then((socket) => socket.terminate());
      await this.#stop();
      throw error;
    } finally {
      expected.cancel();
      failure.forget();
    }
  }

  async #connect(
    expected: { url: string; connected: Promise<WebSocket> },
    failed: Promise<never>,
    signal: AbortSignal,
  ): Promise<WebSocket> {
    const { channel } = this.#options;
    await channel.api(`uuid_setvar_multi ${channel.uuid} ${this.#variables()}`, signal);
    const rate = channel.rate === 16_000 ? "16k" : "8k";
    const start = `uuid_audio_stream ${channel.uuid} start ${expected.url} mono ${rate} sidetone`;
    await channel.api(start, signal).catch(async (error: unknown) => {
      if (!channel.again || !isOccupied(error)) throw error;
      await this.#startAnew(start, signal);
    });
    this.#started = true;
    return Promise.race([expected.connected, failed]);
  }

  /**
   * Whoever had the call before may have left its stream, and there is one at a time: a host whose cable is cut closes nothing. It is
   * stopped beside others, because the module says goodbye to such a one for a second; the place is free long before.
   */
  async #startAnew(start: string, signal: AbortSignal): Promise<void> {
    const { channel, clock } = this.#options;
    await channel.api(`bgapi uuid_audio_stream ${channel.uuid} stop`, signal);
    for (let tries = 1; ; tries++) {
      await clock.sleep(FREED_MS, signal);
      try {
        await channel.api(start, signal);
        return;
      } catch (error) {
        if (!isOccupied(error) || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** What is not set, the module reads as whatever is in memory. */
  #variables(): string {
    const { media, plays, channel } = this.#options;
    const variables: Record<string, string | number> = {
      // "true" switches it off.
      STREAM_MESSAGE_DEFLATE: "true",
      STREAM_HEART_BEAT: HEART_BEAT_S,
      STREAM_BUFFER_SIZE: 20,
      STREAM_SUPPRESS_LOG: "true",
      STREAM_TLS_CA_FILE: media.ca === "" ? "SYSTEM" : media.ca,
      STREAM_TLS_DISABLE_HOSTNAME_VALIDATION: "false",
      ...(plays ? { STREAM_PLAYBACK: "true", STREAM_SAMPLE_RATE: channel.rate } : {}),
    };
    return Object.entries(variables)
      .map(([name, value]) => `${name}=${value}`)
      .join(";");
  }

  /** Rejects with what the module tells of its connection. */
  #failure(): { told: Promise<never>; forget(): void } {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    const forget = this.#onError((why) =>
      reject(new OutsideError("refused", `mod_audio_stream could not connect: ${why}.`)),
    );
    return { told: promise, forget };
  }

  /** The module does not say which of a call's streams an error is of. Where others had the call before, it may be theirs: ours has its socket and its time limit. */
  #onError(tell: (why: string) => void): () => void {
    const { channel } = this.#options;
    return channel.again ? () => {} : channel.on("mod_audio_stream::error", (event) => tell(whyOf(event)));
  }

  #attach(socket: WebSocket): void {
    this.#socket = socket;
    const { counts, onPacket, onLost, channel } = this.#options;
    socket.on("message", (data: RawData, isBinary: boolean) => {
      // The first text is the metadata; later ones say nothing that we need.
      if (isBinary && this.#socket === socket) onPacket(data as Buffer);
    });
    const forget = [
      this.#onError((why) => lose(`an error: ${why}`)),
      channel.on("CODEC", (event) => {
        const rate = Number(event.get("Channel-Read-Codec-Rate"));
        if (!(rate > 0) || rate === this.#codecRate) return;
        this.#codecRate = rate;
        lose(`the caller's codec carries ${rate} Hz now`);
      }),
    ];
    const lose = (why: string): void => {
      for (const stop of forget) stop();
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      socket.terminate();
      if (!this.#closed) onLost(`mod_audio_stream's connection is gone (${why}).`);
    };
    socket.on("error", (error: Error) => {
      // Too long, or no websocket frame at all.
      counts.refusedPackets++;
      lose(messageOf(error));
    });
    socket.on("close", (code: number) => lose(`close code ${code}`));
    if (socket.readyState !== WebSocket.OPEN) lose("closed at once");
  }

  #send(data: Int16Array | string): boolean {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > MAX_UNSENT_BYTES) return false;
    socket.send(data);
    return true;
  }

  async #stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    const { channel, clock } = this.#options;
    const message = "mod_audio_stream did not answer to stop.";
    const ask = (signal: AbortSignal): Promise<string> => channel.api(`uuid_audio_stream ${channel.uuid} stop`, signal);
    // A channel that is gone has taken its stream along.
    await withDeadline(ask, { clock, ms: STOP_MS, message }).catch(() => {});
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }
}

/** The module's only word for it. */
const isOccupied = (error: unknown): boolean =>
  codeOf(error) === "refused" && messageOf(error).includes("Operation Failed");

/** Code and text of the module's events, as far as they can be read. */
function whyOf({ body }: ChannelEvent): string {
  try {
    const { code, error } = (JSON.parse(body) as { message?: { code?: unknown; error?: unknown } }).message ?? {};
    return `code ${Number(code)}, ${String(error).slice(0, 100)}`;
  } catch {
    return "for no reason that can be read";
  }
}
