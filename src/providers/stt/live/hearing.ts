import type { SampleRate } from "../../../audio/frame.ts";
import { type Frame, samplesPerFrame } from "../../../audio/frame.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import { BoundedQueue } from "../../../base/queue.ts";
import { type Hearing, ProviderError, type Transcript } from "../../../conversation/providers.ts";
import { Gate } from "../gate.ts";
import type { Deadlines } from "./deadlines.ts";

/** A pause of the caller's that waits for its final words. Positions count the sound pushed since the hearing was opened, in ms. */
export interface Pause {
  readonly atMs: number;
  readonly startMs: number;
  readonly endMs: number;
  /** Whether anything but silence was in it. */
  readonly loud: boolean;
}

/** One protocol's side of a hearing: what goes to the server, once it is connected. */
export interface Wire {
  /** Copies what it keeps. */
  audio(pcm: Int16Array): void;
  finish(pause: Pause): void;
  /** A second without sound from the caller's side: what keeps the connection. */
  idle?(): void;
  /** The deadline of this pause is over. True: the wire has answered it all the same. */
  late?(pause: Pause): boolean;
  close(): void;
}

export interface LiveOptions {
  readonly provider: string;
  readonly rate: SampleRate;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** So much sound goes out at a time; a vendor's smallest piece. */
  readonly batchMs: number;
  /** The server judges turns: what tells it that one may be over, the quiet after a sound, goes out frame by frame. */
  readonly judges?: boolean;
  /** While the caller is silent it goes out in larger pieces. What is loud does not wait for that. Absent: as ever. */
  readonly quietBatchMs?: number;
  /** The server says something every now and then while somebody speaks. */
  readonly talkative: boolean;
  /** Only sound goes out, with a little of what was before it: for servers that take utterances, and work for every second they get. */
  readonly cut?: boolean;
  /** Begins to connect, and returns at once. */
  connect(hearing: LiveHearing): Wire;
}

type Kept = Int16Array | Pause;

// Sound that is kept while the connection is made: 10 s. The oldest is forgotten.
const KEPT_MS = 10_000;
const QUEUE = 200;
const IDLE_MS = 1_000;
// Where only sound goes out: so much of what was before it, and until so much quiet, or the pause, has come.
const PREROLL_FRAMES = 20;
const QUIET_FRAMES = 100;
// Where the server judges turns: as long as most of them take to end.
const PROMPT_MS = 400;
// Between two words nobody is silent yet.
const REST_FRAMES = 25;

/** A caller's ear at the other end of a connection: what all those have in common. A loss is told, and nothing is opened again from here. */
export class LiveHearing implements Hearing {
  readonly transcripts = new BoundedQueue<Transcript>(QUEUE);
  readonly #options: LiveOptions;
  readonly #gate = new Gate();
  readonly #kept: Kept[] = [];
  readonly #pauses: { readonly pause: Pause; readonly timer: Timer | undefined }[] = [];
  readonly #batch: Int16Array;
  readonly #batchSamples: number;
  #restFrames = 0;
  readonly #wire: Wire;
  readonly #idle: Timer;
  readonly #onAbort = (): void => this.#close();
  readonly #preroll: Int16Array[] = [];
  #cutting = true;
  #cutHeard = false;
  #quietFrames = 0;
  #batched = 0;
  #pushedMs = 0;
  #startMs: number | undefined;
  #loudMs = 0;
  /** Loud sound since the server last said something. */
  #unansweredMs = 0;
  #heardOf = false;
  #pushedAt: number;
  #ready = false;
  #closed = false;

  constructor(options: LiveOptions) {
    const { rate, batchMs, quietBatchMs = batchMs, clock, signal } = options;
    this.#options = options;
    this.#batchSamples = (samplesPerFrame(rate) * batchMs) / 20;
    this.#batch = new Int16Array((samplesPerFrame(rate) * Math.max(batchMs, quietBatchMs)) / 20);
    this.#pushedAt = clock.now();
    this.#idle = clock.every(IDLE_MS, () => this.#rest());
    this.#wire = options.connect(this);
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#close();
  }

  push({ pcm, rate }: Frame): void {
    if (this.#closed || rate !== this.#options.rate) return;
    this.#pushedAt = this.#options.clock.now();
    const frameMs = (pcm.length * 1000) / rate;
    this.#pushedMs += frameMs;
    const { loud, begun } = this.#gate.hear({ pcm, rate });
    if (loud) this.#loud(frameMs);
    if (this.#options.cut) this.#cut(pcm, { loud, begun });
    else {
      this.#append(pcm);
      this.#restFrames = loud ? 0 : this.#restFrames + 1;
      if (this.#restFrames < REST_FRAMES && this.#batched >= this.#batchSamples) this.#flush();
    }
    if (this.#options.judges && !loud && this.#pushedMs - this.#loudMs <= PROMPT_MS) this.#flush();
  }

  #cut(pcm: Int16Array, { loud, begun }: { loud: boolean; begun: boolean }): void {
    this.#quietFrames = loud ? 0 : this.#quietFrames + 1;
    if (!this.#cutting) {
      this.#append(pcm);
      if (this.#quietFrames >= QUIET_FRAMES) this.#shut();
      return;
    }
    this.#preroll.push(pcm.slice());
    if (this.#preroll.length > PREROLL_FRAMES) this.#preroll.shift();
    if (!begun) return;
    this.#cutting = false;
    this.#cutHeard = true;
    for (const before of this.#preroll.splice(0)) this.#append(before);
  }

  #shut(): void {
    this.#flush();
    this.#cutting = true;
    this.#preroll.length = 0;
  }

  #append(pcm: Int16Array): void {
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + this.#batch.length - this.#batched);
      this.#batch.set(part, this.#batched);
      this.#batched += part.length;
      at += part.length;
      if (this.#batched === this.#batch.length) this.#flush();
    }
  }

  finish(): void {
    if (this.#closed) return;
    const { cut } = this.#options;
    if (cut) this.#shut();
    else this.#flush();
    const atMs = this.#pushedMs;
    const loud = cut ? this.#cutHeard : this.#startMs !== undefined;
    this.#cutHeard = false;
    const pause: Pause = { atMs, loud, startMs: this.#startMs ?? atMs, endMs: loud ? this.#loudMs : atMs };
    this.#startMs = undefined;
    if (this.#ready) this.#ask(pause);
    else this.#keep(pause);
  }

  // What the wire reports.

  /** The connection is there: what was kept goes out. */
  ready(): void {
    if (this.#closed || this.#ready) return;
    this.#ready = true;
    for (const kept of this.#kept.splice(0)) {
      if (kept instanceof Int16Array) this.#wire.audio(kept);
      else this.#ask(kept);
    }
  }

  /** The server has said something, whatever it was. */
  heardOf(): void {
    this.#heardOf = true;
    this.#unansweredMs = 0;
  }

  /** When the present utterance began, as far as loudness tells. */
  get utterance(): { readonly startMs: number; readonly endMs: number } {
    return { startMs: this.#startMs ?? this.#pushedMs, endMs: this.#pushedMs };
  }

  get pushedMs(): number {
    return this.#pushedMs;
  }

  /** The oldest pause that waits for its words. */
  get waiting(): Pause | undefined {
    return this.#pauses[0]?.pause;
  }

  say(
    transcript: Omit<Transcript, "startMs" | "endMs">,
    times: { startMs: number; endMs: number } = this.utterance,
  ): void {
    if (this.#closed) return;
    const { startMs, endMs } = times;
    this.transcripts.push({ ...transcript, startMs, endMs });
  }

  /** The final words of the oldest pause that waits for them. */
  answer(transcript: Omit<Transcript, "startMs" | "endMs" | "final">): void {
    const answered = this.#pauses.shift();
    if (!answered) return;
    answered.timer?.cancel();
    this.say({ ...transcript, final: true }, answered.pause);
    this.#settle();
  }

  /** Pauses without sound need no server. */
  #settle(): void {
    for (let next = this.#pauses[0]; next && this.#options.cut && !next.pause.loud; next = this.#pauses[0]) {
      this.#pauses.shift();
      this.say({ text: "", final: true }, next.pause);
    }
  }

  /** The connection is gone, or good for nothing. */
  lost(error: unknown): void {
    if (this.#closed) return;
    const { provider } = this.#options;
    const known = error instanceof ProviderError;
    this.transcripts.fail(known ? error : new ProviderError(provider, "protocol", "it failed", { cause: error }));
    this.#close();
  }

  #loud(frameMs: number): void {
    const { provider, deadlines, talkative } = this.#options;
    this.#startMs ??= this.#pushedMs - frameMs;
    this.#loudMs = this.#pushedMs;
    this.#unansweredMs += this.#ready ? frameMs : 0;
    const limitMs = this.#heardOf ? deadlines.stallMs : deadlines.firstByteMs;
    if (!talkative || this.#unansweredMs <= limitMs) return;
    this.lost(new ProviderError(provider, "timeout", `it has said nothing to ${limitMs} ms of speech`));
  }

  #flush(): void {
    if (this.#batched === 0) return;
    const pcm = this.#batch.subarray(0, this.#batched);
    this.#batched = 0;
    if (this.#ready) this.#wire.audio(pcm);
    else this.#keep(pcm.slice());
  }

  #keep(kept: Kept): void {
    this.#kept.push(kept);
    if (this.#kept.length <= KEPT_MS / this.#options.batchMs) return;
    const oldest = this.#kept.findIndex((one) => one instanceof Int16Array);
    if (oldest >= 0) this.#kept.splice(oldest, 1);
  }

  #ask(pause: Pause): void {
    const { clock, deadlines, cut } = this.#options;
    if (cut && !pause.loud) {
      // Nobody has anything to understand; what was before it is answered first.
      this.#pauses.push({ pause, timer: undefined });
      this.#settle();
      return;
    }
    this.#pauses.push({ pause, timer: clock.after(deadlines.finalMs, () => this.#late(pause)) });
    this.#wire.finish(pause);
  }

  #late(pause: Pause): void {
    if (this.#closed || this.#wire.late?.(pause)) return;
    const { provider, deadlines } = this.#options;
    this.lost(new ProviderError(provider, "timeout", `no final words in ${deadlines.finalMs} ms`));
  }

  #rest(): void {
    if (this.#ready && this.#options.clock.now() - this.#pushedAt >= IDLE_MS) this.#wire.idle?.();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#idle.cancel();
    for (const { timer } of this.#pauses.splice(0)) timer?.cancel();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#wire?.close();
    this.#kept.length = 0;
    this.transcripts.close();
  }
}
