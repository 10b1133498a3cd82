import type { MediaStream } from "../../audio/stream.ts";
import type { Clock } from "../../base/clock.ts";
import { isCancellation, OutsideError } from "../../base/errors.ts";
import { BoundedQueue } from "../../base/queue.ts";
import type { HangupCause, Leg, LegEvent, Next } from "../../call/engine.ts";
import { type Returned, returnedOf } from "../../call/handover.ts";
import type { Recording } from "../../call/recording.ts";
import type { Line } from "./line.ts";

/** Who calls, as the dialplan and the channel say. */
export interface Caller {
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly did: string;
  readonly diversion: string;
  readonly trunk: string;
  readonly language: string;
  readonly agent: string;
  readonly codec: string;
  /** The channel with which the call began: an own phone's, where the leg is the Local channel before it. */
  readonly origin: string;
  /** SIDETONE_RECORDING, as the dialplan or another worker has left it. */
  readonly recording: string;
  /** SIDETONE_RETURNED: where the call comes back from. */
  readonly returned: string;
}

export const nobody: Caller = {
  from: "",
  fromName: "",
  to: "",
  did: "",
  diversion: "",
  trunk: "",
  language: "",
  agent: "",
  codec: "",
  origin: "",
  recording: "",
  returned: "",
};

export interface LegOptions {
  readonly id: string;
  readonly attempt: number;
  readonly caller: Caller;
  readonly line: Line;
  readonly clock: Clock;
  readonly recording: Recording;
  /** Sets what comes next, and resolves when the PBX has it: with false when it was not taken. Never rejects: a dialplan that was told nothing goes to its menu. */
  readonly tell: (next: Next) => Promise<boolean>;
  readonly press: (digit: string) => Promise<void>;
}

const EVENTS = 64;
const MAX_DIGITS = 64;
// Between the beginnings of two digits: 120 ms of tone and 100 ms of silence.
const DIGIT_MS = 220;

export class AsteriskLeg implements Leg {
  readonly direction = "inbound";
  readonly id: string;
  readonly attempt: number;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly did: string;
  readonly diversion: string;
  readonly trunk: string;
  readonly language: string;
  readonly agent: string;
  readonly codec: string;
  readonly origin: string;
  readonly recording: Recording;
  untold = false;
  readonly returned?: Returned;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #tell: LegOptions["tell"];
  readonly #press: LegOptions["press"];
  readonly #events = new BoundedQueue<LegEvent>(EVENTS);
  readonly #gone = new AbortController();
  #opened = false;
  #givenBack: Promise<void> | undefined;

  constructor({ id, attempt, caller, line, clock, recording, tell, press }: LegOptions) {
    this.id = id;
    this.attempt = attempt;
    this.from = caller.from;
    this.fromName = caller.fromName;
    this.to = caller.to;
    this.did = caller.did;
    this.diversion = caller.diversion;
    this.trunk = caller.trunk;
    this.language = caller.language;
    this.agent = caller.agent;
    this.codec = caller.codec;
    this.origin = caller.origin;
    this.recording = recording;
    const returned = returnedOf(caller.returned);
    if (returned) this.returned = returned;
    this.#line = line;
    this.#clock = clock;
    this.#tell = tell;
    this.#press = press;
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get events(): AsyncIterable<LegEvent> {
    return this.#events;
  }

  /** Whether the call goes back because we wanted it so. */
  get leaving(): boolean {
    return this.#givenBack !== undefined;
  }

  async openMedia(): Promise<MediaStream> {
    if (this.#opened) throw new Error("a leg's media is opened once");
    this.#opened = true;
    if (this.#gone.signal.aborted) throw new OutsideError("gone", "The call ended before its media was wanted.");
    return this.#line.media;
  }

  async sendDtmf(digits: string): Promise<void> {
    if (!/^[0-9*#A-D]*$/i.test(digits) || digits.length > MAX_DIGITS)
      throw new RangeError(`digits are 0-9, *, #, A-D, at most ${MAX_DIGITS}`);
    try {
      for (const digit of digits.toUpperCase()) {
        this.#gone.signal.throwIfAborted();
        await this.#press(digit);
        await this.#clock.sleep(DIGIT_MS, this.#gone.signal);
      }
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

  /** A key, a hold or an unhold. */
  happened(event: LegEvent): void {
    this.#events.push(event);
  }

  /** The caller has gone, or the dialplan has the call again. The first cause counts. */
  end(cause: HangupCause): void {
    if (this.#gone.signal.aborted) return;
    this.#line.media.close();
    this.#events.close();
    this.#gone.abort(cause);
  }

  // The order matters: two connections have none between them, so the word must have arrived before the line is let go.
  async #leave(next: Next): Promise<void> {
    this.untold = !(await this.#tell(next));
    await this.#line.hangUp();
    this.end("normal");
  }
}

/** Q.850 causes as Asterisk gives them (https://docs.asterisk.org/Configuration/Miscellaneous/Hangup-Cause-Mappings/). */
export function causeOf(q850: number): HangupCause {
  switch (q850) {
    case 0:
    case 16:
    case 31:
      return "normal";
    case 17:
      return "busy";
    case 18:
    case 19:
    case 20:
      return "noAnswer";
    case 21:
      return "rejected";
    case 1:
    case 2:
    case 3:
    case 22:
    case 28:
      return "notFound";
    case 34:
    case 38:
    case 41:
    case 42:
      return "congestion";
    default:
      return "failure";
  }
}
