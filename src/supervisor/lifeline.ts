import type { Clock, Timer } from "../base/clock.ts";
import { type FromWorker, isToWorker, type ToWorker } from "./protocol.ts";

/** The worker's end of the channel to its supervisor: what `process` has when it was started with one. */
export interface Channel {
  readonly connected?: boolean;
  send?(message: unknown, handle: undefined, options: object, done: (error: Error | null) => void): boolean;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  off(event: "message", listener: (message: unknown) => void): unknown;
  off(event: "disconnect", listener: () => void): unknown;
}

/** What the supervisor wants without being asked. */
export type Wish = Exclude<ToWorker, { type: "lastGood" }>;

const ANSWER_MS = 2000;

export interface LifelineOptions {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly channel: Channel;
  readonly calls: () => number;
  readonly onWish: (wish: Wish) => void;
  /** The supervisor is gone. */
  readonly onOrphaned: () => void;
}

/** Beats as long as the event loop turns, and hears the supervisor's wishes. */
export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #timer: Timer;
  readonly #answers = new Set<(snapshot: unknown) => void>();
  #beating = false;

  constructor(options: LifelineOptions) {
    const { clock, heartbeatMs, channel, onOrphaned } = options;
    this.#options = options;
    this.#timer = clock.every(heartbeatMs, () => this.#beat());
    channel.on("message", this.#onMessage);
    channel.on("disconnect", onOrphaned);
  }

  ready(): void {
    this.#send({ type: "ready" });
  }

  /** The supervisor keeps the snapshot for the next worker. */
  configured(snapshot: unknown): void {
    this.#send({ type: "configured", snapshot });
  }

  /** What the last worker was configured by; undefined when the supervisor does not know, or does not answer. */
  lastGood(): Promise<unknown> {
    return new Promise((resolve) => {
      let deadline: Timer | undefined;
      const answer = (snapshot: unknown): void => {
        deadline?.cancel();
        this.#answers.delete(answer);
        resolve(snapshot);
      };
      deadline = this.#options.clock.after(ANSWER_MS, () => answer(undefined));
      this.#answers.add(answer);
      this.#send({ type: "askLastGood" });
    });
  }

  /** Resolves when the supervisor has it, or can have it no more. */
  failed(message: string, exitCode: number): Promise<void> {
    return new Promise((resolve) => this.#send({ type: "failed", message, exitCode }, resolve));
  }

  close(): void {
    const { channel, onOrphaned } = this.#options;
    this.#timer.cancel();
    channel.off("message", this.#onMessage);
    channel.off("disconnect", onOrphaned);
  }

  readonly #onMessage = (message: unknown): void => {
    if (!isToWorker(message)) return;
    if (message.type !== "lastGood") this.#options.onWish(message);
    else for (const answer of [...this.#answers]) answer(message.snapshot);
  };

  #beat(): void {
    // A supervisor that reads nothing gets no pile of old beats.
    if (this.#beating) return;
    this.#beating = true;
    this.#send({ type: "beat", calls: this.#options.calls() }, () => {
      this.#beating = false;
    });
  }

  #send(message: FromWorker, done: () => void = () => undefined): void {
    const { channel } = this.#options;
    if (!channel.connected || !channel.send) {
      done();
      return;
    }
    // A supervisor that went away in this moment is no error: `disconnect` says so.
    channel.send(message, undefined, {}, () => done());
  }
}
