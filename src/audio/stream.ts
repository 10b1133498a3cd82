import type { Frame, SampleRate } from "./frame.ts";

/**
 * Both directions of one call's sound, at the call's own rate. Who owns the playout clock differs per engine; the port hides it.
 * Silence (or comfort noise) is sent while nothing is written: an idle downlink breaks recordings and NAT pinholes.
 */
export interface MediaStream {
  /** 8,000 or 16,000: what the caller's codec carries. Frames of another rate are refused by `write`. */
  readonly rate: SampleRate;
  /** How much of what was written since the last `clear` the caller has heard, in ms, as far as the PBX's clock lets us know. */
  readonly heardMs: number;
  /** What the caller says, frame by frame, in the tick in which it arrived. The listener must not block, and must copy what it keeps. */
  onFrame(listener: (frame: Frame) => void): void;
  /** What goes out, frame by frame, and when it begins to be heard, by the clock's `now`: what an echo is compared with. One listener, which must not block, and must copy what it keeps. Frames that a hold took back are told again. */
  onSent?(listener: (pcm: Int16Array, playsAtMs: number) => void): void;
  /** Queues a frame (copied). False: enough is queued, await `room` before the next. */
  write(frame: Frame): boolean;
  /** Resolves when there is room again; rejects when the signal aborts. */
  room(signal: AbortSignal): Promise<void>;
  /** Resolves when all that was written has been heard or was cleared; rejects when the signal aborts. Waits while held. */
  drained(signal: AbortSignal): Promise<void>;
  /** Silence at once, and keep what is queued, from the first sample that was not heard. Synchronous, like `resume` and `clear`. */
  hold(): void;
  resume(): void;
  /** Silence at once, and forget what is queued. Returns how much of it was heard, in ms. Ends a hold. */
  clear(): number;
  /** May be called twice. */
  close(): void;
}
