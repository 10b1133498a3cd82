import { FRAME_MS, type Frame, samplesPerFrame } from "../../../audio/frame.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import type { Log } from "../../../base/log.ts";
import { BoundedQueue } from "../../../base/queue.ts";
import { type Hearing, ProviderError, type Transcript } from "../../../conversation/providers.ts";
import { Gate } from "../gate.ts";
import type { Ears, Seat } from "./ears.ts";
import type { FromEar } from "./protocol.ts";

export interface HearingOptions {
  readonly rate: 8000 | 16000;
  readonly hints: readonly string[];
  readonly signal: AbortSignal;
  readonly ears: Pick<Ears, "sit">;
  readonly clock: Clock;
  readonly log: Log;
}

type Sent =
  | { readonly type: "audio"; readonly pcm: Int16Array }
  | { readonly type: "finish"; readonly startMs: number; readonly endMs: number };

const PREROLL_FRAMES = 20;
const BATCH_FRAMES = 3;
// Sound that waits for its final, kept for a new process: 30 s.
const KEPT_BATCHES = 30_000 / (BATCH_FRAMES * FRAME_MS);
// After so much quiet without a `finish` nothing is sent until there is sound again.
const QUIET_FRAMES = 100;
const ANSWER_MS = 3000;
// On a busy machine a process loads its models for longer than 10 s, and to kill it for that makes the machine busier.
const OPEN_MS = 30_000;
const MAX_LOSSES = 3;

export function openHearing(options: HearingOptions): Hearing {
  const hearing = new PocketHearing(options);
  return {
    push: (frame) => hearing.push(frame),
    finish: () => hearing.finish(),
    transcripts: hearing.transcripts,
  };
}

class PocketHearing {
  readonly transcripts = new BoundedQueue<Transcript>(200);
  readonly #options: HearingOptions;
  readonly #gate = new Gate();
  readonly #sent: Sent[] = [];
  readonly #preroll: Int16Array[] = [];
  #batch: Int16Array;
  #batched = 0;
  #batches = 0;
  #seat: Seat | undefined;
  #losses = 0;
  #deadline: Timer | undefined;
  #opened = false;
  #open = false;
  #heard = false;
  #quietFrames = 0;
  #pushedMs = 0;
  #startMs = 0;
  #loudMs = 0;
  #closed = false;
  readonly #onAbort = (): void => this.#close();

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#batch = new Int16Array(BATCH_FRAMES * samplesPerFrame(options.rate));
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal.aborted) this.#close();
    else this.#sit();
  }

  push(frame: Frame): void {
    if (this.#closed || frame.rate !== this.#options.rate) return;
    this.#pushedMs += (frame.pcm.length * 1000) / frame.rate;
    const { loud, begun } = this.#gate.hear(frame);
    if (loud) this.#loudMs = this.#pushedMs;
    if (!this.#open) this.#remember(frame.pcm);
    if (this.#open) this.#append(frame.pcm);
    else if (begun) this.#begin();
    this.#quietFrames = loud ? 0 : this.#quietFrames + 1;
    if (this.#open && this.#quietFrames >= QUIET_FRAMES) this.#shut();
  }

  finish(): void {
    if (this.#closed) return;
    const times = {
      startMs: this.#heard ? this.#startMs : this.#pushedMs,
      endMs: this.#heard ? this.#loudMs : this.#pushedMs,
    };
    this.#shut();
    const nothing = !this.#heard && this.#sent.length === 0;
    this.#heard = false;
    if (nothing) {
      this.transcripts.push({ text: "", final: true, ...times });
      return;
    }
    this.#sent.push({ type: "finish", ...times });
    this.#post({ type: "finish", ...times });
    this.#await();
  }

  #begin(): void {
    this.#open = true;
    this.#quietFrames = 0;
    if (!this.#heard) this.#startMs = Math.max(0, this.#pushedMs - 2 * FRAME_MS);
    this.#heard = true;
    for (const pcm of this.#preroll.splice(0)) this.#append(pcm);
  }

  #shut(): void {
    this.#flush();
    this.#open = false;
    this.#preroll.length = 0;
  }

  #remember(pcm: Int16Array): void {
    // The oldest frame's memory is used again: silence must not make garbage.
    const oldest = this.#preroll.length >= PREROLL_FRAMES ? this.#preroll.shift() : undefined;
    const kept = oldest?.length === pcm.length ? oldest : new Int16Array(pcm.length);
    kept.set(pcm);
    this.#preroll.push(kept);
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

  #flush(): void {
    if (this.#batched === 0) return;
    const audio: Sent = { type: "audio", pcm: this.#batch.slice(0, this.#batched) };
    this.#batched = 0;
    this.#sent.push(audio);
    this.#batches++;
    if (this.#batches > KEPT_BATCHES) this.#forgetOldest();
    this.#post(audio);
  }

  #forgetOldest(): void {
    const at = this.#sent.findIndex((sent) => sent.type === "audio");
    if (at < 0) return;
    this.#sent.splice(at, 1);
    this.#batches--;
  }

  #post(sent: Sent): void {
    const seat = this.#seat;
    if (!seat) return;
    if (sent.type === "audio") seat.post({ type: "audio", hearing: seat.hearing, pcm: sent.pcm });
    else seat.post({ type: "finish", hearing: seat.hearing });
  }

  #sit(): void {
    const { ears, rate, hints } = this.#options;
    this.#opened = false;
    try {
      const seat = ears.sit({
        onMessage: (message) => this.#receive(message),
        onLost: (error, final) => this.#lost(error, final),
      });
      this.#seat = seat;
      seat.post({ type: "open", hearing: seat.hearing, rate, hints });
      for (const sent of this.#sent) this.#post(sent);
      this.#await();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A process that does not answer is a dead one. */
  #await(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    const waits = !this.#opened || this.#sent.some((sent) => sent.type === "finish");
    if (!waits) return;
    this.#deadline = this.#options.clock.after(this.#opened ? ANSWER_MS : OPEN_MS, () => this.#seat?.kill());
  }

  #receive(message: FromEar): void {
    if (this.#closed) return;
    if (message.type === "open") this.#opened = true;
    if (message.type === "partial") this.#partial(message.text);
    if (message.type === "final") this.#final(message.text, message.confidence);
    if (message.type === "failed") this.#fail(new ProviderError("pocketsphinx", "protocol", message.message));
    if (message.type === "open" || message.type === "final") this.#await();
  }

  #partial(text: string): void {
    // Words of an utterance whose end is under way come with its final.
    if (this.#sent.some((sent) => sent.type === "finish")) return;
    this.transcripts.push({ text, final: false, startMs: this.#startMs, endMs: this.#pushedMs });
  }

  #final(text: string, confidence: number): void {
    const at = this.#sent.findIndex((sent) => sent.type === "finish");
    const finish = this.#sent[at];
    if (finish?.type !== "finish") return;
    this.#sent.splice(0, at + 1);
    this.#batches -= at;
    this.transcripts.push({ text, final: true, startMs: finish.startMs, endMs: finish.endMs, confidence });
  }

  #lost(error: ProviderError, final: boolean): void {
    if (this.#closed) return;
    this.#seat = undefined;
    this.#losses++;
    if (final || this.#losses > MAX_LOSSES) this.#fail(error);
    else this.#sit();
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.transcripts.fail(error);
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline?.cancel();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#seat?.leave();
    this.#seat = undefined;
    this.#sent.length = 0;
    this.transcripts.close();
  }
}
