import { FRAME_MS, type SampleRate, samplesPerFrame } from "./frame.ts";

// Timers run up to a millisecond early: what ends within it has ended.
const TOLERANCE_MS = 1;

/**
 * What was handed over, frame by frame, and how much of it must have been heard by now. The far side plays one frame after
 * the other, each at its own time; when it ran dry, the silence that followed counts for nothing.
 * Counts in samples. A frame is 20 ms of time, and may hold fewer samples of what was written (the rest is padding).
 */
export class Ledger {
  readonly #samplesPerFrame: number;
  /** How many samples each of the last frames held, in a ring. */
  readonly #held: Int32Array;
  #frames = 0;
  #handed = 0;
  #endMs = Number.NEGATIVE_INFINITY;

  /** `frames`: how many can be handed over and not yet be playing. `handed`: samples that were heard before this account began. */
  constructor({ rate, frames, handed = 0 }: { rate: SampleRate; frames: number; handed?: number }) {
    this.#handed = handed;
    this.#samplesPerFrame = samplesPerFrame(rate);
    this.#held = new Int32Array(frames + 2);
  }

  /** Samples handed over and not taken back. */
  get handed(): number {
    return this.#handed;
  }

  /** When the last frame will have been played. */
  get endMs(): number {
    return this.#endMs;
  }

  /** A frame that can play at `atMs`, or when the one before it is over. */
  hand(samples: number, atMs: number): void {
    // It ran dry: all that came before has been played.
    if (atMs > this.#endMs + TOLERANCE_MS) this.#frames = 0;
    this.#held[this.#frames++ % this.#held.length] = samples;
    this.#handed += samples;
    this.#endMs = Math.max(this.#endMs, atMs) + FRAME_MS;
  }

  heardAt(nowMs: number): number {
    const restMs = this.#endMs - nowMs;
    if (restMs <= TOLERANCE_MS) return this.#handed;
    const waiting = this.#waitingAt(nowMs);
    const playing = this.#samplesOf(waiting);
    const playedMs = FRAME_MS - (restMs - waiting * FRAME_MS);
    const played = Math.min(playing, Math.floor((playedMs / FRAME_MS) * this.#samplesPerFrame));
    return this.#handed - this.#sumOf(waiting) - playing + Math.max(0, played);
  }

  /** The far side forgot what was not yet playing. A frame that has begun goes on to its end and counts as heard. Returns the position to go on from. */
  cut(nowMs: number): number {
    const waiting = this.#waitingAt(nowMs);
    this.#handed -= this.#sumOf(waiting);
    this.#frames -= waiting;
    this.#endMs -= waiting * FRAME_MS;
    return this.#handed;
  }

  clear(): void {
    this.#frames = this.#handed = 0;
  }

  /** How many of the frames that were handed over have not begun to play. */
  #waitingAt(nowMs: number): number {
    const restMs = this.#endMs - nowMs - TOLERANCE_MS;
    const waiting = Math.max(0, Math.ceil(restMs / FRAME_MS) - 1);
    return Math.min(waiting, this.#frames, this.#held.length - 1);
  }

  #sumOf(last: number): number {
    let sum = 0;
    for (let i = 0; i < last; i++) sum += this.#samplesOf(i);
    return sum;
  }

  /** Samples of the frame that has `after` frames behind it. */
  #samplesOf(after: number): number {
    if (after >= this.#frames) return 0;
    return this.#held[(this.#frames - 1 - after) % this.#held.length] as number;
  }
}
