import type { MediaStream } from "../../audio/stream.ts";
import type { Clock } from "../../base/clock.ts";
import { isCancellation, OutsideError } from "../../base/errors.ts";
import { BoundedQueue } from "../../base/queue.ts";
import type { HangupCause, Leg, LegEvent, Next } from "../../call/engine.ts";
import type { Returned } from "../../call/handover.ts";
import type { Recording } from "../../call/recording.ts";
import type { Caller } from "./caller.ts";
import type { FreeswitchMedia } from "./media/port.ts";

export interface LegOptions {
  readonly id: string;
  readonly caller: Caller;
  readonly clock: Clock;
  readonly recording: Recording;
  readonly open: () => Promise<FreeswitchMedia>;
  /** Leaves what comes next in the channel and lets the call go. Never rejects: a dialplan that was told nothing goes to its menu. */
  readonly release: (next: Next) => Promise<void>;
  /** Queues digits; FreeSWITCH sends them one after the other. */
  readonly press: (digits: string) => Promise<void>;
}

const EVENTS = 64;
const MAX_DIGITS = 64;
// From the beginning of one digit to that of the next, as FreeSWITCH paces them.
const DIGIT_MS = 220;

export class FreeswitchLeg implements Leg {
  readonly direction = "inbound";
  readonly id: string;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly did: string;
  readonly diversion: string;
  readonly trunk: string;
  readonly language: string;
  readonly agent: string;
  readonly codec: string;
  readonly attempt: number;
  readonly shaken: boolean;
  readonly recording: Recording;
  readonly returned?: Returned;
  untold = false;
  readonly #options: LegOptions;
  readonly #events = new BoundedQueue<LegEvent>(EVENTS);
  readonly #gone = new AbortController();
  #media: FreeswitchMedia | undefined;
  #opening: Promise<MediaStream> | undefined;
  #givenBack: Promise<void> | undefined;

  constructor(options: LegOptions) {
    const { caller } = options;
    this.id = options.id;
    this.from = caller.from;
    this.fromName = caller.fromName;
    this.to = caller.to;
    this.did = caller.did;
    this.diversion = caller.diversion;
    this.trunk = caller.trunk;
    this.language = caller.language;
    this.agent = caller.agent;
    this.codec = caller.codec;
    this.attempt = caller.attempt;
    this.shaken = caller.shaken;
    this.recording = options.recording;
    if (caller.returned) this.returned = caller.returned;
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get events(): AsyncIterable<LegEvent> {
    return this.#events;
  }

  openMedia(): Promise<MediaStream> {
    if (this.#opening) return Promise.reject(new Error("a leg's media is opened once"));
    this.#opening = this.#open();
    return this.#opening;
  }

  async sendDtmf(digits: string): Promise<void> {
    if (!/^[0-9*#A-D]*$/i.test(digits) || digits.length > MAX_DIGITS)
      throw new RangeError(`digits are 0-9, *, #, A-D, at most ${MAX_DIGITS}`);
    if (digits === "") return;
    try {
      this.#gone.signal.throwIfAborted();
      await this.#options.press(digits.toUpperCase());
      await this.#options.clock.sleep(DIGIT_MS * digits.length, this.#gone.signal);
    } catch (error) {
      // Who hung up needs no more digits.
      if (!this.#gone.signal.aborted && !isCancellation(error, this.#gone.signal)) throw error;
    }
  }

  giveBack(next: Next): Promise<void> {
    if (this.#gone.signal.aborted && !this.#givenBack) return Promise.resolve();
    this.#givenBack ??= this.#leave(next);
    return this.#givenBack;
  }

  /** Whether the call goes back because we wanted it so. */
  get leaving(): boolean {
    return this.#givenBack !== undefined;
  }

  /** A key, a hold or an unhold. */
  happened(event: LegEvent): void {
    this.#events.push(event);
  }

  /** The caller has gone, or the dialplan has the call again. The first cause counts. */
  end(cause: HangupCause): void {
    if (this.#gone.signal.aborted) return;
    this.#media?.close();
    this.#events.close();
    this.#gone.abort(cause);
  }

  async #open(): Promise<MediaStream> {
    if (this.#gone.signal.aborted) throw new OutsideError("gone", "The call ended before its media was wanted.");
    const media = await this.#options.open();
    this.#media = media;
    if (!this.#gone.signal.aborted && !this.leaving) return media;
    // The module must not write on in a call that has gone on without us.
    await media.stop();
    throw new OutsideError("gone", "The call ended while its media was opened.");
  }

  async #leave(next: Next): Promise<void> {
    // mod_audio_stream writes on for a moment when its channel goes on without it: it is ended first.
    await this.#media?.stop();
    await this.#options.release(next);
    this.end("normal");
  }
}
