import { Arrivals } from "../../../audio/arrivals.ts";
import type { Frame, SampleRate } from "../../../audio/frame.ts";
import { LineMedia } from "../../../audio/line-media.ts";
import type { FarSide, SentListener } from "../../../audio/playout.ts";
import type { FreeswitchMedia, MediaChannel, MediaContext } from "./port.ts";

/** What carries one call's sound. Whoever sets it up hands over the parts and tells what happens to them. */
export interface CallMediaOptions {
  readonly channel: MediaChannel;
  readonly context: MediaContext;
  readonly farSide: FarSide;
  /** Ends the parts on FreeSWITCH's side. Never rejects. */
  readonly stop: () => Promise<void>;
  /** Ends them on our side alone. */
  readonly close: () => void;
}

/** Both halves of one call's sound, whatever carries them; that may change while it lasts. */
export class CallMedia implements FreeswitchMedia {
  readonly rate: SampleRate;
  readonly lost: Promise<string>;
  readonly #options: CallMediaOptions;
  readonly #line: LineMedia;
  readonly #arrivals: Arrivals;
  readonly #lose: (why: string) => void;
  readonly #onAbort = (): void => this.close();
  #closed = false;
  #stopping: Promise<void> | undefined;
  #counted = { stale: 0, late: 0 };

  constructor(options: CallMediaOptions) {
    const { channel, context, farSide } = options;
    this.#options = options;
    this.rate = channel.rate;
    this.#line = new LineMedia({ clock: context.clock, rate: channel.rate, ...farSide });
    const deliver = (data: Uint8Array): void => this.#line.received(data);
    this.#arrivals = new Arrivals({ clock: context.clock, rate: channel.rate, deliver });
    const { promise, resolve } = Promise.withResolvers<string>();
    this.lost = promise;
    this.#lose = resolve;
    channel.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get heardMs(): number {
    return this.#line.heardMs;
  }

  start(): void {
    this.#line.start();
  }

  /** Sound from the caller, as it came. */
  received(data: Uint8Array): void {
    if (!this.#arrivals.push(data)) this.#options.context.counts.refusedPackets++;
  }

  /** As Playout's. */
  redirect(farSide: FarSide, deadSinceMs?: number): void {
    this.#line.redirect(farSide, deadSinceMs);
  }

  /** The sound is gone for good. */
  fail(why: string): void {
    if (!this.#closed) this.#lose(why);
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#line.onFrame(listener);
  }

  onSent(listener: SentListener): void {
    this.#line.onSent(listener);
  }

  write(frame: Frame): boolean {
    return this.#line.write(frame);
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#line.room(signal);
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#line.drained(signal);
  }

  hold(): void {
    this.#line.hold();
  }

  resume(): void {
    this.#line.resume();
  }

  clear(): number {
    return this.#line.clear();
  }

  /** Adds to the context's counts what this call has counted since the last time. */
  count(): void {
    const { counts } = this.#options.context;
    const { stale } = this.#arrivals;
    const late = this.#line.lateFrames;
    counts.staleFrames += stale - this.#counted.stale;
    counts.lateFrames += late - this.#counted.late;
    this.#counted = { stale, late };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.channel.signal.removeEventListener("abort", this.#onAbort);
    this.#line.close();
    this.#arrivals.close();
    this.count();
    this.#options.close();
  }

  async #stop(): Promise<void> {
    this.#line.close();
    await this.#options.stop();
    this.close();
  }
}
