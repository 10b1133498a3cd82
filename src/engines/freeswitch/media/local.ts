import type { Timer } from "../../../base/clock.ts";
import { isCancellation, sentenceOf } from "../../../base/errors.ts";
import { AudioStream } from "./audio-stream.ts";
import { CallMedia } from "./call-media.ts";
import { Files, filesSide } from "./files.ts";
import type { Parts } from "./parts.ts";
import { Unicast } from "./unicast.ts";

// How often it is looked whether datagrams come, and how many looks without one mean that none will: few when
// somebody plays something on the channel or its codec changes, for that ends `unicast`; more when the host may only be slow.
const LOOK_MS = 40;
const SILENT_LOOKS = 8;
const SUSPECT_LOOKS = 2;
const SUSPECT_MS = 1000;
// A playback has ended it for certain, unless the next datagram comes all the same.
const PLAYED_MS = 30;

/** A call of a FreeSWITCH on this host. `streams`: the caller's sound comes through mod_audio_stream. */
export async function openLocal(parts: Parts & { streams: boolean }): Promise<CallMedia> {
  const sound = new LocalSound(parts);
  return sound.open(parts.streams);
}

/**
 * The agent's voice goes by `unicast`, and the caller's comes that way too, as long as no mod_audio_stream brings it: either
 * of them can fail, and the other then carries what it can.
 */
class LocalSound {
  readonly #parts: Parts;
  readonly #files: Files;
  readonly #forget: readonly (() => void)[];
  readonly #ending = new AbortController();
  #streaming: Promise<void> = Promise.resolve();
  #media: CallMedia | undefined;
  #unicast: Unicast | undefined;
  #stream: AudioStream | undefined;
  /** The module's sound has come, so that the datagrams are only a sign of life. */
  #streams = false;
  #watch: Timer | undefined;
  #played: Timer | undefined;
  #packets = 0;
  #silentLooks = 0;
  #suspectUntilMs = 0;
  #restarted = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { channel, context } = parts;
    this.#files = new Files({
      channel,
      clock: context.clock,
      counts: context.counts,
      stream: () => this.#stream,
      onStuck: () => this.#media?.fail("FreeSWITCH plays none of the files that it was sent."),
    });
    const suspect = (): void => {
      this.#suspectUntilMs = context.clock.now() + SUSPECT_MS;
    };
    // A change of the codec ends it too.
    const suspicious = ["PLAYBACK_START", "CHANNEL_EXECUTE", "CODEC"] as const;
    this.#forget = [
      ...suspicious.map((event) => channel.on(event, suspect)),
      channel.on("PLAYBACK_START", () => this.#onPlayback()),
    ];
  }

  async open(streams: boolean): Promise<CallMedia> {
    if (streams) this.#streaming = this.#openStream();
    try {
      await this.#openUnicast();
    } catch (error) {
      await this.#streaming;
      // Without datagrams there are files, if the module is there to write them.
      if (!this.#stream || this.#parts.channel.signal.aborted) {
        this.#close();
        throw error;
      }
      this.#warn(error, "unicast cannot be had; the agent's voice goes by files");
    }
    const { channel, context } = this.#parts;
    const farSide = this.#unicast ? this.#unicastSide(this.#unicast) : filesSide(this.#files);
    const media = new CallMedia({
      channel,
      context,
      farSide,
      stop: () => this.#stop(),
      close: () => this.#close(),
    });
    this.#media = media;
    if (this.#unicast) this.#watch = context.clock.every(LOOK_MS, () => this.#look());
    return media;
  }

  #unicastSide(unicast: Unicast) {
    const sink = { send: (pcm: Int16Array) => unicast.send(pcm), flush: () => {} };
    return { sink, leadMs: 0, recallMs: SILENT_LOOKS * LOOK_MS };
  }

  async #openUnicast(): Promise<void> {
    const { channel, context } = this.#parts;
    this.#unicast = await Unicast.open({
      channel,
      clock: context.clock,
      counts: context.counts,
      onPacket: (data) => {
        if (!this.#streams) this.#media?.received(data);
      },
    });
  }

  /** Never rejects: the datagrams bring the caller's sound too. */
  async #openStream(): Promise<void> {
    const { channel, context, server, media } = this.#parts;
    try {
      const stream = await AudioStream.open({
        channel,
        clock: context.clock,
        counts: context.counts,
        server,
        media,
        plays: false,
        signal: AbortSignal.any([channel.signal, this.#ending.signal]),
        onPacket: (data) => {
          this.#streams = true;
          this.#media?.received(data);
        },
        onLost: (why) => this.#onStreamLost(why),
      });
      this.#stream = stream;
    } catch (error) {
      if (!isCancellation(error, channel.signal) && !this.#ending.signal.aborted)
        this.#warn(error, "mod_audio_stream cannot be had; the caller's sound comes by unicast");
    }
  }

  #onStreamLost(why: string): void {
    this.#streams = false;
    if (this.#unicast) this.#warn(why, "mod_audio_stream is gone; the caller's sound comes by unicast");
    else this.#later(this.#restartStream(why));
  }

  #onPlayback(): void {
    const before = this.#unicast?.packets;
    this.#played?.cancel();
    this.#played = this.#parts.context.clock.after(PLAYED_MS, () => {
      if (this.#unicast && this.#unicast.packets === before) this.#later(this.#onUnicastLost(true));
    });
  }

  #look(): void {
    const unicast = this.#unicast;
    if (!unicast) return;
    const silent = unicast.packets === this.#packets;
    this.#packets = unicast.packets;
    this.#silentLooks = silent ? this.#silentLooks + 1 : 0;
    const suspect = this.#parts.context.clock.now() < this.#suspectUntilMs;
    if (this.#silentLooks < (suspect ? SUSPECT_LOOKS : SILENT_LOOKS)) return;
    this.#later(this.#onUnicastLost(suspect));
  }

  /** FreeSWITCH takes no second `unicast` as long as the channel stays where it is. */
  async #onUnicastLost(played: boolean): Promise<void> {
    this.#watch?.cancel();
    this.#unicast?.close();
    const deadSinceMs = this.#unicast?.lastMs;
    this.#unicast = undefined;
    const why = played
      ? "somebody else has played something on the channel, or its codec has changed"
      : "FreeSWITCH sends nothing any more";
    if (!this.#streams && !(await this.#restartStream(`Unicast has ended: ${why}.`))) return;
    this.#parts.context.counts.restarts++;
    this.#warn(why, "unicast has ended; the agent's voice goes by files");
    if (played) this.#files.breakIn();
    this.#media?.redirect(filesSide(this.#files), deadSinceMs);
  }

  /** False: the call's sound is lost. */
  async #restartStream(why: string): Promise<boolean> {
    const stream = this.#stream;
    if (!stream || this.#restarted) {
      this.#media?.fail(why);
      return false;
    }
    this.#restarted = true;
    this.#parts.context.counts.restarts++;
    try {
      await stream.restart();
      return true;
    } catch (error) {
      this.#media?.fail(`${why} ${sentenceOf(error)}`);
      return false;
    }
  }

  async #stop(): Promise<void> {
    this.#watch?.cancel();
    this.#ending.abort();
    await this.#streaming;
    await this.#stream?.stop();
  }

  #close(): void {
    this.#watch?.cancel();
    this.#played?.cancel();
    this.#ending.abort();
    for (const forget of this.#forget) forget();
    this.#files.close();
    this.#unicast?.close();
    this.#stream?.close();
  }

  #later(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#media?.fail(sentenceOf(error));
    });
  }

  #warn(why: unknown, message: string): void {
    const { channel, context } = this.#parts;
    const detail = typeof why === "string" ? why : sentenceOf(why);
    context.log.warn({ call: channel.uuid, detail }, message);
  }
}
