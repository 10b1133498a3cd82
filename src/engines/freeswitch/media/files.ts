import { FRAME_MS } from "../../../audio/frame.ts";
import type { FarSide, PlayoutSink } from "../../../audio/playout.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import type { AudioStream } from "./audio-stream.ts";
import type { ChannelEvent, MediaChannel, MediaCounts } from "./port.ts";

// The module closes the connection at messages of 90 kB. 100 ms at 16 kHz are 4.3 kB in base64.
const CHUNK_FRAMES = 5;
// A chunk that waits for more frames goes as it is after so long: the end of a reply soon, but not before the next frame
// can have come, for a file of one frame is no file of five.
const LINGER_MS = 2 * FRAME_MS;
// With each file that begins FreeSWITCH forgets what it has of the caller, about 40 ms. So silence is not sent in short
// files: FreeSWITCH makes it itself, with comfort noise, and a reply breaks it off.
const SILENCE_MS = 1000;
const SILENCE = `silence_stream://${SILENCE_MS},1400`;
// A file that was sent is told of after so long at most; silence would go before it.
const WRITTEN_MS = 300;
// Two are ahead of what is played, and one is on its way. With more, FreeSWITCH does not play them.
const MAX_WAITING = 5;
// A file that was broken off before it began is never told to have stopped.
const FORGET_MS = 1000;
// Silence or speech, a file begins or ends every second.
const STUCK_MS = 2000;

export interface FilesOptions {
  readonly channel: MediaChannel;
  readonly clock: Clock;
  readonly counts: MediaCounts;
  readonly stream: () => AudioStream | undefined;
  /** Files are sent, and none has been played for so long that something else must be wrong. */
  readonly onStuck: () => void;
}

// How far ahead frames are wanted: two chunks, as the gaps between files demand.
const LEAD_MS = 2 * CHUNK_FRAMES * FRAME_MS;
// From the message to the caller's ear: a file is written, an event told, a command queued.
const DELAY_MS = 50;

export const filesSide = (files: Files): FarSide => ({ sink: files, leadMs: LEAD_MS, sinkDelayMs: DELAY_MS });

/**
 * The agent's voice as short files: sent as `streamAudio` texts, which mod_audio_stream writes to files and tells the names of,
 * then played by name. For a FreeSWITCH that no datagram of ours reaches, or whose `unicast` somebody has ended.
 */
export class Files implements PlayoutSink {
  readonly #options: FilesOptions;
  readonly #chunk: Int16Array;
  #filled = 0;
  #timer: Timer | undefined;
  /** Chunks of before the last flush are not played, should their files come now. */
  #first = 0;
  #next = 0;
  #shippedMs = 0;
  /** Files that FreeSWITCH was told to play and has not played, and until when that is believed. */
  readonly #waiting = new Map<string, number>();
  /** When a file of ours last began or ended, or the first was sent. */
  #playedMs: number | undefined;
  #used = false;
  readonly #forget: readonly (() => void)[];

  constructor(options: FilesOptions) {
    this.#options = options;
    const { channel } = options;
    this.#chunk = new Int16Array((channel.rate * FRAME_MS * CHUNK_FRAMES) / 1000);
    this.#forget = [
      channel.on("mod_audio_stream::play", (event) => this.#onFile(event)),
      channel.on("PLAYBACK_START", (event) => this.#onPlaying(event.get("Playback-File-Path"))),
      channel.on("PLAYBACK_STOP", (event) => this.#onPlayed(event.get("Playback-File-Path"))),
    ];
  }

  /** Whether a file that is being played is one of ours. */
  owns(path: string): boolean {
    return path === SILENCE || path.includes(`${this.#options.channel.uuid}_`);
  }

  /**
   * Breaks off what somebody else plays. Files of ours run inside it, and between any two of them the caller would hear a
   * piece of it; it would end when we fall silent.
   */
  breakIn(): void {
    const { channel } = this.#options;
    this.#later(channel.api(`uuid_break ${channel.uuid}`, channel.signal));
  }

  send(pcm: Int16Array, speaks: boolean): void {
    this.#used = true;
    const nowMs = this.#options.clock.now();
    this.#playedMs ??= nowMs;
    if (nowMs - this.#playedMs > STUCK_MS) this.#options.onStuck();
    if (!speaks && this.#filled === 0) {
      this.#fallSilent(nowMs);
      return;
    }
    this.#chunk.set(pcm, this.#filled);
    this.#filled += pcm.length;
    if (this.#filled === this.#chunk.length) this.#ship();
    else if (!this.#timer || speaks) this.#linger();
  }

  flush(): void {
    this.#filled = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#first = this.#next;
    // With nothing to break, a break would hit the file that comes next: the beginning of the reply.
    if (this.#waiting.size === 0) return;
    this.#waiting.clear();
    const { channel } = this.#options;
    this.#later(channel.api(`uuid_break ${channel.uuid} all`, channel.signal));
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const forget of this.#forget) forget();
  }

  #linger(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(LINGER_MS, () => this.#ship());
  }

  #fallSilent(nowMs: number): void {
    this.#forgetOld(nowMs);
    if (this.#waiting.size > 0 || nowMs - this.#shippedMs < WRITTEN_MS) return;
    this.#waiting.set(SILENCE, nowMs + SILENCE_MS + FORGET_MS);
    this.#play(SILENCE);
  }

  #forgetOld(nowMs: number): void {
    for (const [file, untilMs] of this.#waiting) if (nowMs > untilMs) this.#waiting.delete(file);
  }

  #ship(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const samples = this.#chunk.subarray(0, this.#filled);
    this.#filled = 0;
    const { channel, clock, counts, stream } = this.#options;
    this.#shippedMs = clock.now();
    this.#forgetOld(this.#shippedMs);
    const audioData = Buffer.from(samples.buffer, 0, samples.byteLength).toString("base64");
    const data = { audioDataType: "raw", sampleRate: channel.rate, chunk: this.#next++, audioData };
    const sent = this.#waiting.size < MAX_WAITING && stream()?.text(JSON.stringify({ type: "streamAudio", data }));
    if (!sent) counts.droppedFrames += Math.ceil((samples.length * 1000) / (channel.rate * FRAME_MS));
  }

  #onPlaying(file: string): void {
    if (this.owns(file)) this.#playedMs = this.#options.clock.now();
    else if (this.#used) this.breakIn();
  }

  #onPlayed(file: string): void {
    this.#waiting.delete(file);
    if (this.owns(file)) this.#playedMs = this.#options.clock.now();
  }

  #onFile({ body }: ChannelEvent): void {
    const { file, chunk } = fileOf(body);
    // A path that holds anything but a file's name is none that the module writes.
    if (chunk < this.#first || chunk >= this.#next || !/^[\w./-]{1,255}$/.test(file) || !this.owns(file)) return;
    this.#waiting.set(file, this.#options.clock.now() + FORGET_MS);
    this.#play(file);
  }

  #play(file: string): void {
    this.#later(
      this.#options.channel.sendmsg({
        "call-command": "execute",
        "execute-app-name": "playback",
        "execute-app-arg": file,
        // Else the next file begins inside the one that is playing.
        "event-lock": "true",
      }),
    );
  }

  // A channel that is gone plays nothing; its leg knows by itself.
  #later(work: Promise<unknown>): void {
    work.catch(() => {
      this.#options.counts.droppedFrames++;
    });
  }
}

function fileOf(body: string): { file: string; chunk: number } {
  try {
    const { file, chunk } = JSON.parse(body) as { file?: unknown; chunk?: unknown };
    return { file: typeof file === "string" ? file : "", chunk: typeof chunk === "number" ? chunk : -1 };
  } catch {
    return { file: "", chunk: -1 };
  }
}
