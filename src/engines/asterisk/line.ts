import type { Frame, SampleRate } from "../../audio/frame.ts";
import { Playout, type PlayoutSink, type SentListener } from "../../audio/playout.ts";
import type { MediaStream } from "../../audio/stream.ts";
import type { Clock } from "../../base/clock.ts";
import { Uplink } from "./uplink.ts";

/** One lent call's sound as the leg sees it, however it travels. */
export interface Line {
  readonly media: LineMedia;
  /** Resolves when the PBX or we have closed it. */
  readonly closed: Promise<void>;
  /** Keys as this line tells them. The leg listens only while ARI does not tell them. */
  onDigit(listener: (digit: string) => void): void;
  /** Asks the PBX to end the media leg, so that the dialplan goes on. Resolves when it is closed, by force after a while. */
  hangUp(): Promise<void>;
}

/** What went wrong on a line, for `metrics` and the log. */
export interface LineCounts {
  /** Packets that were no sound. */
  refusedPackets: number;
  /** Texts that were too long or no control message. */
  refusedTexts: number;
  /** Outgoing frames that could not be sent in time. */
  droppedFrames: number;
  /** Times that the PBX's queue was over budget and was emptied. */
  flushes: number;
}

export const noCounts = (): LineCounts => ({ refusedPackets: 0, refusedTexts: 0, droppedFrames: 0, flushes: 0 });

const QUEUE_MS = 1000;

/** Both halves of a call's sound over one sink. */
export class LineMedia implements MediaStream {
  readonly rate: SampleRate;
  readonly #playout: Playout;
  readonly #uplink: Uplink;

  constructor({ clock, rate, leadMs, sink }: { clock: Clock; rate: SampleRate; leadMs: number; sink: PlayoutSink }) {
    this.rate = rate;
    this.#playout = new Playout({ clock, rate, leadMs, queueMs: QUEUE_MS, sink });
    this.#uplink = new Uplink({ clock, rate });
  }

  start(): void {
    this.#playout.start();
  }

  /** Sound from the caller: 16-bit little-endian. */
  received(data: Uint8Array): void {
    this.#uplink.push(data);
  }

  get refusedPackets(): number {
    return this.#uplink.refused;
  }

  get heardMs(): number {
    return this.#playout.heardMs;
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#uplink.onFrame(listener);
  }

  onSent(listener: SentListener): void {
    this.#playout.onSent(listener);
  }

  write(frame: Frame): boolean {
    return this.#playout.write(frame);
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#playout.room(signal);
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#playout.drained(signal);
  }

  hold(): void {
    this.#playout.hold();
  }

  resume(): void {
    this.#playout.resume();
  }

  clear(): number {
    return this.#playout.clear();
  }

  close(): void {
    this.#playout.close();
    this.#uplink.close();
  }
}
