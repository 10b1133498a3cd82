import type { FarSide } from "../../../audio/playout.ts";
import { OutsideError, sentenceOf } from "../../../base/errors.ts";
import { withDeadline } from "../../../base/signals.ts";
import { AudioStream } from "./audio-stream.ts";
import { CallMedia } from "./call-media.ts";
import { Files, filesSide } from "./files.ts";
import type { Parts } from "./parts.ts";

// The module answers a text at once. Without an answer it is taken to be the build that everybody has.
const PROBE_MS = 300;
const PROBE_BYTES = 320;

export interface StreamedOptions extends Parts {
  /** Whether the module plays what it is sent; undefined: nobody has looked. */
  readonly known: boolean | undefined;
  readonly onKnown: (plays: boolean) => void;
}

/** A call whose sound goes through mod_audio_stream alone: to another host, or by its duplex build. */
export async function openStreamed(options: StreamedOptions): Promise<CallMedia> {
  return new StreamedSound(options).open();
}

class StreamedSound {
  readonly #options: StreamedOptions;
  readonly #files: Files;
  #media: CallMedia | undefined;
  #stream: AudioStream | undefined;
  #restarted = false;

  constructor(options: StreamedOptions) {
    this.#options = options;
    const { channel, context } = options;
    this.#files = new Files({
      channel,
      clock: context.clock,
      counts: context.counts,
      stream: () => this.#stream,
      onStuck: () => this.#media?.fail("FreeSWITCH plays none of the files that it was sent."),
    });
  }

  async open(): Promise<CallMedia> {
    const { channel, context } = this.#options;
    try {
      const plays = await this.#openStream();
      const farSide = plays ? this.#duplexSide() : filesSide(this.#files);
      this.#media = new CallMedia({
        channel,
        context,
        farSide,
        stop: () => this.#stream?.stop() ?? Promise.resolve(),
        close: () => this.#close(),
      });
      return this.#media;
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Whether the module plays what it is sent. A build of which nobody knows yet is asked, and started once more if it does. */
  async #openStream(): Promise<boolean> {
    const { known, onKnown } = this.#options;
    this.#stream = await this.#start(known === true);
    if (known !== undefined) return known;
    const plays = await this.#probe(this.#stream);
    onKnown(plays);
    if (!plays) return false;
    await this.#stream.stop();
    this.#stream = await this.#start(true);
    return true;
  }

  #start(plays: boolean): Promise<AudioStream> {
    const { channel, context, server, media } = this.#options;
    return AudioStream.open({
      channel,
      clock: context.clock,
      counts: context.counts,
      server,
      media,
      plays,
      signal: channel.signal,
      onPacket: (data) => this.#media?.received(data),
      onLost: (why) => this.#onLost(why),
    });
  }

  /** The open build writes what it is sent to a file and tells its name; the duplex build tells none, and plays it. */
  async #probe(stream: AudioStream): Promise<boolean> {
    const { channel, context } = this.#options;
    const told = Promise.withResolvers<boolean>();
    const forget = channel.on("mod_audio_stream::play", ({ body }) => told.resolve(!/"file"\s*:/.test(body)));
    const audioData = Buffer.alloc(PROBE_BYTES).toString("base64");
    stream.text(
      JSON.stringify({ type: "streamAudio", data: { audioDataType: "raw", sampleRate: 8000, probe: true, audioData } }),
    );
    const deadline = { clock: context.clock, ms: PROBE_MS, message: "no answer", signal: channel.signal };
    try {
      return await withDeadline(() => told.promise, deadline);
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error;
      return false;
    } finally {
      forget();
    }
  }

  #duplexSide(): FarSide {
    const { counts } = this.#options.context;
    const send = (pcm: Int16Array): void => {
      if (!this.#stream?.play(pcm)) counts.droppedFrames++;
    };
    // How its queue is emptied is not known, so it is never given any.
    return { sink: { send, flush: () => {} }, leadMs: 0 };
  }

  #onLost(why: string): void {
    const { context, channel } = this.#options;
    if (this.#restarted || !this.#stream) {
      this.#media?.fail(why);
      return;
    }
    this.#restarted = true;
    context.counts.restarts++;
    context.log.warn({ call: channel.uuid, detail: why }, "mod_audio_stream is started once more");
    this.#stream.restart().catch((error: unknown) => this.#media?.fail(`${why} ${sentenceOf(error)}`));
  }

  #close(): void {
    this.#files.close();
    this.#stream?.close();
  }
}
