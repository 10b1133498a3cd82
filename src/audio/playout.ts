import type { Clock, Timer } from "../base/clock.ts";
import { Gate } from "../base/signals.ts";
import { type Comfort, comfortNoise } from "./comfort.ts";
import { FRAME_MS, type Frame, type SampleRate, samplesPerFrame } from "./frame.ts";
import { Ledger } from "./ledger.ts";
import { SampleRing } from "./ring.ts";

/** Where the frames of one call go. */
export interface PlayoutSink {
  /** 20 ms, and whether it is of a reply or fills the silence. The same buffer is used for the next frame: copy what is kept. */
  send(pcm: Int16Array, speaks: boolean): void;
  /** Makes the PBX forget what it was sent and has not begun to play. Nothing to do where it keeps nothing. */
  flush(): void;
}

export interface PlayoutOptions {
  readonly clock: Clock;
  readonly rate: SampleRate;
  /** How much of a reply is handed over ahead of its time; the PBX then paces. 0: it does not, and gets a frame every 20 ms. */
  readonly leadMs: number;
  /** Above this, `write` says that it is enough. */
  readonly queueMs: number;
  readonly sink: PlayoutSink;
  readonly comfort?: Comfort;
  /** From `send` into an empty PBX to the sound's beginning, on average. Half a frame where the PBX paces, because it waits for its next tick. */
  readonly sinkDelayMs?: number;
  /** So much of what counts as heard may turn out to have gone nowhere: see `redirect`. */
  readonly recallMs?: number;
  /**
   * Where the PBX paces: so many frames are handed over one after the other, in one tick, and then none until the lead has room for
   * as many. Every write to a socket costs more than the frame in it.
   */
  readonly batch?: Batch;
}

export interface Batch {
  readonly speech: number;
  readonly comfort: number;
}

/** A far side, and how it takes frames: as in the options. */
export type FarSide = Pick<PlayoutOptions, "sink" | "leadMs" | "sinkDelayMs" | "recallMs" | "batch">;

/** What is played, and when it begins to be heard: what an echo of it must be compared with. Frames that a hold took back are played again. */
export type SentListener = (pcm: Int16Array, playsAtMs: number) => void;

// A little lateness is caught up, because the far side has kept a little; after more it has long been silent, and a burst would stay as delay.
const CATCH_UP_MS = 60;
// Timers run up to a millisecond early.
const EARLY_MS = 1;
// Beyond this a far side that we pace has been silent before the frame came.
const LATE_MS = FRAME_MS;
const ONE_BY_ONE: Batch = { speech: 1, comfort: 1 };
// A writer that ignores `write`'s answer is cut off this much above `queueMs`.
const OVERRUN_MS = 500;

/** The outgoing half of a MediaStream: one call's 20 ms clock, its queue, and the account of what was heard. */
export class Playout {
  readonly rate: SampleRate;
  readonly #clock: Clock;
  #sink: PlayoutSink;
  readonly #comfort: Comfort;
  readonly #queueLimit: number;
  readonly #samplesPerMs: number;
  /** How long before the end of what was handed over the next frame of a reply follows. */
  #aheadMs: number;
  #delayMs: number;
  #paced: boolean;
  #recallMs: number;
  #batch: Batch;
  readonly #ring: SampleRing;
  #ledger: Ledger;
  readonly #frame: Int16Array;
  readonly #tick = (): void => {
    this.#timer = undefined;
    this.#pump();
  };
  readonly #roomGate = new Gate();
  readonly #drainGate = new Gate();
  #sentListener: SentListener | undefined;
  #timer: Timer | undefined;
  #timerDueMs = 0;
  #running = false;
  #closed = false;
  #held = false;
  /** When all that was handed over, comfort noise included, will have been played. */
  #endMs = 0;
  /** Comfort noise was sent after the last frame of a reply. */
  #idle = true;
  /** Where we pace: how much a reply that began at once is ahead of its clock. Given back in the silence after it. */
  #aheadOfClockMs = 0;
  #nextComfort = 0;
  #dropped = 0;
  #late = 0;

  constructor({
    clock,
    rate,
    leadMs,
    queueMs,
    sink,
    comfort,
    sinkDelayMs,
    recallMs = 0,
    batch = ONE_BY_ONE,
  }: PlayoutOptions) {
    this.rate = rate;
    this.#clock = clock;
    this.#sink = sink;
    this.#comfort = comfort ?? comfortOf(rate);
    this.#samplesPerMs = rate / 1000;
    this.#queueLimit = queueMs * this.#samplesPerMs;
    this.#paced = leadMs > 0;
    this.#delayMs = sinkDelayMs ?? (this.#paced ? FRAME_MS / 2 : 0);
    this.#aheadMs = aheadOf(leadMs, this.#delayMs);
    this.#recallMs = recallMs;
    this.#batch = this.#paced ? batch : ONE_BY_ONE;
    const keptMs = queueMs + leadMs + recallMs + FRAME_MS + OVERRUN_MS;
    this.#ring = new SampleRing(Math.ceil(keptMs * this.#samplesPerMs));
    this.#ledger = ledgerFor(rate, leadMs + this.#delayMs + recallMs);
    this.#frame = new Int16Array(samplesPerFrame(rate));
  }

  /** Begins to send: what was written so far, else comfort noise. */
  start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#endMs = this.#clock.now();
    this.#pump();
  }

  get heardMs(): number {
    return this.#ledger.heardAt(this.#clock.now()) / this.#samplesPerMs;
  }

  /** How much was written since the last `clear`, in ms. */
  get writtenMs(): number {
    return this.#ring.end / this.#samplesPerMs;
  }

  /** Frames that were written in spite of a full queue, and forgotten. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Frames of replies that left so late that the caller heard a gap. Only where we pace. */
  get late(): number {
    return this.#late;
  }

  /**
   * From now on the frames go elsewhere. What the far side before had begun to play counts as heard, or what it had begun by
   * `deadSinceMs` if it was dead since then; all else is handed over again.
   */
  redirect(
    { sink, leadMs, sinkDelayMs, recallMs = 0, batch = ONE_BY_ONE }: FarSide,
    deadSinceMs = Number.POSITIVE_INFINITY,
  ): void {
    if (this.#closed) return;
    const nowMs = this.#clock.now();
    this.#ledger.cut(Math.max(Math.min(deadSinceMs, nowMs), nowMs - this.#recallMs));
    this.#recallMs = recallMs;
    this.#batch = leadMs > 0 ? batch : ONE_BY_ONE;
    this.#sink = sink;
    this.#paced = leadMs > 0;
    this.#delayMs = sinkDelayMs ?? (this.#paced ? FRAME_MS / 2 : 0);
    this.#aheadMs = aheadOf(leadMs, this.#delayMs);
    this.#ledger = ledgerFor(this.rate, leadMs + this.#delayMs + recallMs, this.#ledger);
    this.#aheadOfClockMs = 0;
    this.#idle = true;
    this.#endMs = this.#clock.now();
    this.#pump();
  }

  /** One listener; called in the tick in which a frame of a reply is handed over. It must not block, and copies what it keeps. */
  onSent(listener: SentListener): void {
    this.#sentListener = listener;
  }

  /** As in MediaStream. Throws a RangeError for a frame of another rate. */
  write({ pcm, rate }: Frame): boolean {
    if (rate !== this.rate) throw new RangeError(`a frame of ${rate} Hz for a call of ${this.rate} Hz`);
    if (this.#closed) return false;
    this.#ring.release(this.#ledger.heardAt(this.#clock.now() - this.#recallMs));
    if (!this.#ring.write(pcm)) {
      this.#dropped++;
      return false;
    }
    if (this.#running && !this.#held) this.#pump();
    return this.#unsent < this.#queueLimit;
  }

  async room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#closed && this.#unsent >= this.#queueLimit) await this.#roomGate.wait(signal);
  }

  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#closed && !this.#isDrained(this.#clock.now())) await this.#drainGate.wait(signal);
  }

  hold(): void {
    if (this.#held || this.#closed) return;
    this.#held = true;
    this.#fallSilent();
    this.#pump();
  }

  resume(): void {
    if (!this.#held || this.#closed) return;
    this.#held = false;
    this.#pump();
  }

  clear(): number {
    if (this.#closed) return this.heardMs;
    this.#fallSilent();
    const heardMs = this.#ledger.handed / this.#samplesPerMs;
    this.#held = false;
    this.#ring.clear();
    this.#ledger.clear();
    this.#roomGate.open();
    this.#drainGate.open();
    this.#pump();
    return heardMs;
  }

  /** Sends nothing more. What was heard stays readable; who waits for room or for the end goes on. */
  close(): void {
    if (this.#closed) return;
    this.#ledger.cut(this.#clock.now());
    this.#closed = true;
    this.#running = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#roomGate.open();
    this.#drainGate.open();
  }

  get #unsent(): number {
    return this.#ring.end - this.#ledger.handed;
  }

  #isDrained(nowMs: number): boolean {
    return this.#ledger.heardAt(nowMs) === this.#ring.end;
  }

  /** Takes back what the PBX has not begun to play. */
  #fallSilent(): void {
    if (this.#idle || !this.#running) return;
    this.#sink.flush();
    const nowMs = this.#clock.now();
    this.#ledger.cut(nowMs);
    // Where the PBX paces, its queue is empty now, and wants a frame of silence for its next tick.
    if (this.#paced) this.#endMs = nowMs;
  }

  /** Sends all that is due, and sets the timer for what will be. */
  #pump(): void {
    if (!this.#running) return;
    const nowMs = this.#clock.now();
    const before = this.#unsent;
    if (this.#speaks(nowMs)) while (this.#speechDueMs() <= nowMs + EARLY_MS) this.#sendSpeech(nowMs);
    if (before >= this.#queueLimit / 2 && this.#unsent < this.#queueLimit / 2) this.#roomGate.open();
    if (this.#isDrained(nowMs)) this.#drainGate.open();
    while (this.#comfortDueMs() <= nowMs + EARLY_MS)
      for (let sent = 0; sent < this.#batch.comfort; sent++) this.#sendComfort(nowMs);
    this.#arm(nowMs);
  }

  /** When the next frame of the reply must be handed over: at once after silence; the rest of a reply that fills no frame as late as can be, for more may come. */
  #speechDueMs(): number {
    const unsent = this.#held ? 0 : this.#unsent;
    if (unsent === 0) return Number.POSITIVE_INFINITY;
    if (this.#idle) return Number.NEGATIVE_INFINITY;
    return this.#endMs - (unsent >= this.#frame.length ? this.#aheadMs : Math.min(this.#aheadMs, FRAME_MS));
  }

  /** When the far side has room for a whole batch, or runs dry; at once after silence. */
  #batchDueMs(): number {
    const waitMs = Math.min(this.#batch.speech - 1, Math.floor(this.#unsent / this.#frame.length) - 1) * FRAME_MS;
    return this.#speechDueMs() + Math.max(0, waitMs);
  }

  #speaks(nowMs: number): boolean {
    return this.#batchDueMs() <= nowMs + EARLY_MS;
  }

  #sendSpeech(nowMs: number): void {
    if (this.#idle) this.#beginSpeech(nowMs);
    else if (this.#paced && nowMs > this.#endMs + EARLY_MS) this.#endMs = nowMs + this.#delayMs;
    else {
      if (nowMs - this.#endMs > LATE_MS) this.#late++;
      this.#forgetLateness(nowMs);
    }
    const samples = this.#ring.read(this.#ledger.handed, this.#frame);
    if (samples < this.#frame.length) this.#frame.set(this.#quiet().subarray(samples), samples);
    this.#ledger.hand(samples, this.#endMs);
    this.#endMs = this.#ledger.endMs;
    this.#sink.send(this.#frame, true);
    this.#sentListener?.(this.#frame, this.#endMs - FRAME_MS);
  }

  #beginSpeech(nowMs: number): void {
    this.#idle = false;
    if (this.#paced) {
      // The silence that waits in the PBX would be heard first.
      this.#sink.flush();
      this.#endMs = nowMs + this.#delayMs;
      return;
    }
    this.#aheadOfClockMs += Math.max(0, this.#endMs - nowMs);
    this.#endMs = nowMs;
  }

  #comfortDueMs(): number {
    if (!this.#held && this.#unsent > 0) return Number.POSITIVE_INFINITY;
    if (!this.#idle) return this.#endMs + this.#aheadOfClockMs;
    // What is sent ahead of its time in any case may as well be there before it is wanted; a reply makes the PBX forget it.
    return this.#batch.comfort > 1 ? this.#endMs - FRAME_MS : this.#endMs;
  }

  #sendComfort(nowMs: number): void {
    if (!this.#idle) this.#endMs += this.#aheadOfClockMs;
    this.#aheadOfClockMs = 0;
    this.#idle = true;
    this.#forgetLateness(nowMs);
    this.#endMs += FRAME_MS;
    this.#sink.send(this.#quiet(), false);
  }

  #forgetLateness(nowMs: number): void {
    if (nowMs - this.#endMs > CATCH_UP_MS) this.#endMs = nowMs;
  }

  #quiet(): Int16Array {
    this.#nextComfort = (this.#nextComfort + 1) % this.#comfort.length;
    return this.#comfort[this.#nextComfort] ?? this.#comfort[0];
  }

  #arm(nowMs: number): void {
    const dueMs = Math.min(this.#batchDueMs(), this.#comfortDueMs());
    if (this.#timer && this.#timerDueMs === dueMs) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = this.#clock.after(Math.max(1, Math.ceil(dueMs - nowMs)), this.#tick);
  }
}

/** Until the next frame must follow. */
const aheadOf = (leadMs: number, delayMs: number): number => Math.max(0, leadMs + delayMs - FRAME_MS);

function ledgerFor(rate: SampleRate, aheadMs: number, before?: Ledger): Ledger {
  return new Ledger({ rate, frames: Math.ceil(aheadMs / FRAME_MS) + 1, handed: before?.handed ?? 0 });
}

const noises = new Map<SampleRate, Comfort>();

/** One second of noise for each rate is enough for all calls. */
function comfortOf(rate: SampleRate): Comfort {
  const noise = noises.get(rate) ?? comfortNoise(rate);
  noises.set(rate, noise);
  return noise;
}
