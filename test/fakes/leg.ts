import type { MediaStream } from "../../src/audio/stream.ts";
import { BoundedQueue } from "../../src/base/queue.ts";
import type { HangupCause, Leg, LegEvent, Next } from "../../src/call/engine.ts";
import type { Recording } from "../../src/call/recording.ts";

/** A call that was lent by nobody. */
export class FakeLeg implements Leg {
  readonly id = "leg-1";
  readonly direction = "inbound";
  readonly from = "100";
  readonly fromName = "";
  readonly to = "200";
  readonly did = "200";
  readonly diversion = "";
  readonly trunk = "";
  readonly language = "en";
  readonly agent = "";
  readonly codec: string;
  readonly attempt = 1;
  readonly events = new BoundedQueue<LegEvent>(50);
  readonly #abort = new AbortController();
  readonly #media: () => Promise<MediaStream>;
  /** What the dialplan was told, in order. */
  readonly given: Next[] = [];
  readonly sent: string[] = [];
  recording?: Recording;

  constructor({ media, codec = "ulaw" }: { media: () => Promise<MediaStream>; codec?: string }) {
    this.codec = codec;
    this.#media = media;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  openMedia(): Promise<MediaStream> {
    return this.#media();
  }
  async sendDtmf(digits: string): Promise<void> {
    this.sent.push(digits);
  }
  async giveBack(next: Next): Promise<void> {
    this.given.push(next);
    this.hangUp();
  }
  press(digit: string): void {
    this.events.push({ type: "dtmf", digit, durationMs: 100 });
  }
  hangUp(cause: HangupCause = "normal"): void {
    this.#abort.abort(cause);
    this.events.close();
  }
}
