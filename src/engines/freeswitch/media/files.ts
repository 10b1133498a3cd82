import { FRAME_MS } from "../../../audio/frame.ts";
import type { FarSide, PlayoutSink } from "../../../audio/playout.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import type { AudioStream } from "./audio-stream.ts";
import { FileRun, type WrittenFile } from "./file-run.ts";
import type { ChannelEvent, MediaChannel, MediaCounts } from "./port.ts";

// The module closes the connection at messages of 90 kB. 100 ms at 16 kHz are 4.3 kB in base64.
const CHUNK_FRAMES = 5;
// A chunk that waits for more frames goes as it is after so long: the end of a reply soon, but not before the next frame
// can have come, for a file of one frame is no file of five.
const LINGER_MS = 2 * FRAME_MS;
// Between replies nothing is sent: FreeSWITCH makes silence itself, with comfort noise, and a reply breaks it off.
const SILENCE_MS = 1000;
const SILENCE = `silence_stream://${SILENCE_MS},1400`;
// A file that was sent is told of after so long at most; silence would go before it.
const WRITTEN_MS = 300;
// Two are ahead of what is played, and one is on its way. With more, FreeSWITCH does not play them.
const MAX_WAITING = 5;
// A silence that was broken off before it began is never told to have stopped.
const FORGET_MS = 1000;
// After the last word so much silence is played along, and broken off in its middle: at its end FreeSWITCH would look for the
// files that are not there, and complain about each.
const TAIL_MS = CHUNK_FRAMES * FRAME_MS;
// So long before the last word's end the tail is sent, which must be a file by then.
const TAIL_AHEAD_MS = 80;
// Silence or speech, a playback begins or ends every second.
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
 * then played by name, several in one go. For a FreeSWITCH that no datagram of ours reaches, or whose `unicast` somebody has ended.
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
  /** What FreeSWITCH was told to play, oldest first: the first of them is playing. */
  #runs: FileRun[] = [];
  /** Until when silence is believed to play. */
  #silentUntilMs: number | undefined;
  /** How long the files are that were sent and not told of yet, by number. */
  readonly #sent = new Map<number, number>();
  /** When the last word of a run that has its tail will have been played. */
  #wordsEndMs: number | undefined;
  #endTimer: Timer | undefined;
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
      channel.on("PLAYBACK_STOP", (event) => this.#onPlayed(event)),
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
    const runsUntilMs = this.#runs[0]?.endMs ?? 0;
    if (nowMs - Math.max(this.#playedMs, runsUntilMs) > STUCK_MS) this.#options.onStuck();
    if (!speaks && this.#filled === 0) {
      this.#fallSilent(nowMs);
      return;
    }
    if (speaks) this.#wordsEndMs = undefined;
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
    const playing = this.#waiting(this.#options.clock.now()) > 0 || this.#silentUntilMs !== undefined;
    this.#runs = [];
    this.#wordsEndMs = undefined;
    this.#endTimer?.cancel();
    this.#silentUntilMs = undefined;
    if (!playing) return;
    const { channel } = this.#options;
    this.#later(channel.api(`uuid_break ${channel.uuid} all`, channel.signal));
  }

  close(): void {
    this.#endTimer?.cancel();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const forget of this.#forget) forget();
  }

  #linger(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(LINGER_MS, () => this.#ship());
  }

  /** How many files wait for being played. What nobody has told of for too long waits no more. */
  #waiting(nowMs: number): number {
    this.#runs = this.#runs.filter((run) => !run.forgotten(nowMs));
    return this.#runs.reduce((count, run) => count + run.waiting(nowMs), 0);
  }

  #fallSilent(nowMs: number): void {
    if (this.#silentUntilMs !== undefined && nowMs > this.#silentUntilMs) this.#silentUntilMs = undefined;
    this.#waiting(nowMs);
    if (this.#runs.length > 0 || this.#silentUntilMs !== undefined || nowMs - this.#shippedMs < WRITTEN_MS) return;
    this.#silentUntilMs = nowMs + SILENCE_MS + FORGET_MS;
    this.#play(SILENCE);
  }

  /** Looks at a run shortly before its last file is through: are there more words, or is this the end? */
  #watchEnd(): void {
    this.#endTimer?.cancel();
    const run = this.#runs.at(-1);
    if (run?.endMs === undefined) return;
    const wordsEndMs = this.#wordsEndMs;
    const atMs = wordsEndMs === undefined ? run.endMs - TAIL_AHEAD_MS : wordsEndMs + TAIL_MS / 2;
    const then = (): void => (wordsEndMs === undefined ? this.#addTail(run) : this.#endRun(run));
    this.#endTimer = this.#options.clock.after(Math.max(0, atMs - this.#options.clock.now()), then);
  }

  #addTail(run: FileRun): void {
    // Words are on their way, and will be looked at in their turn.
    if (this.#filled > 0 || this.#sent.size > 0) return;
    this.#wordsEndMs = run.endMs;
    this.#filled = this.#chunk.fill(0).length;
    this.#ship();
  }

  /** Nothing more was said. */
  #endRun(run: FileRun): void {
    if (this.#wordsEndMs === undefined || this.#runs.at(-1) !== run) return;
    run.broken = true;
    const { channel } = this.#options;
    this.#later(channel.api(`uuid_break ${channel.uuid}`, channel.signal));
  }

  #ship(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const samples = this.#chunk.subarray(0, this.#filled);
    this.#filled = 0;
    const { channel, clock, counts, stream } = this.#options;
    this.#shippedMs = clock.now();
    const ms = (samples.length * 1000) / channel.rate;
    const chunk = this.#next++;
    const audioData = Buffer.from(samples.buffer, 0, samples.byteLength).toString("base64");
    const data = { audioDataType: "raw", sampleRate: channel.rate, chunk, audioData };
    const room = this.#waiting(this.#shippedMs) < MAX_WAITING;
    if (room && stream()?.text(JSON.stringify({ type: "streamAudio", data }))) this.#sent.set(chunk, ms);
    else counts.droppedFrames += Math.ceil(ms / FRAME_MS);
  }

  #onPlaying(path: string): void {
    const nowMs = this.#options.clock.now();
    this.#runs.find(({ argument }) => argument === path)?.started(nowMs);
    this.#watchEnd();
    if (this.owns(path)) this.#playedMs = nowMs;
    else if (this.#used) this.breakIn();
  }

  #onPlayed(event: ChannelEvent): void {
    const path = event.get("Playback-File-Path");
    if (path === SILENCE) this.#silentUntilMs = undefined;
    if (this.owns(path)) this.#playedMs = this.#options.clock.now();
    const at = this.#runs.findIndex(({ argument }) => argument === path);
    const run = this.#runs[at];
    if (!run) return;
    // What is queued before it has been passed over.
    this.#runs.splice(0, at + 1);
    if (run.broken || this.#runs.length > 0) return;
    // A file came too late for its turn: the rest is played after all.
    const playedMs = Number(event.get("variable_playback_ms")) || 0;
    for (const file of run.unplayed(playedMs)) this.#enqueue(file);
  }

  #onFile({ body }: ChannelEvent): void {
    const { file: name, chunk } = fileOf(body);
    const ms = this.#sent.get(chunk);
    this.#sent.delete(chunk);
    // A path that holds anything but a file's name is none that the module writes.
    if (ms === undefined || chunk < this.#first || !/^[\w./-]{1,255}$/.test(name) || !this.owns(name)) return;
    this.#enqueue({ name, ms });
  }

  #enqueue(file: WrittenFile): void {
    if (this.#runs.at(-1)?.takes(file)) {
      this.#watchEnd();
      return;
    }
    const run = new FileRun(file, this.#options.clock.now());
    this.#runs.push(run);
    this.#play(run.argument);
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
