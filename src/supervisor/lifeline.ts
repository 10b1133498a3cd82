import type { Clock, Timer } from "../base/clock.ts";
import { type FromWorker, type Hello, isToWorker, type SupervisorSettings, type ToWorker } from "./protocol.ts";

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
  readonly memoryMb: () => number;
  readonly onWish: (wish: Wish) => void;
  /** The supervisor is gone, until another one is attached. */
  readonly onOrphaned: () => void;
}

/** Beats as long as the event loop turns, and hears the supervisor's wishes. */
export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #timer: Timer;
  readonly #answers = new Set<(snapshot: unknown) => void>();
  #channel: Channel;
  #configured: FromWorker | undefined;
  #beating = false;

  constructor(options: LifelineOptions) {
    const { clock, heartbeatMs, channel } = options;
    this.#options = options;
    this.#channel = channel;
    this.#timer = clock.every(heartbeatMs, () => this.#beat());
    this.#listen();
  }

  /** The line to another supervisor, which learns who this is and what it runs by. */
  attach(channel: Channel, hello: Omit<Hello, "type">): void {
    this.#deafen();
    this.#channel = channel;
    this.#beating = false;
    this.#listen();
    this.#send({ type: "hello", ...hello });
    if (this.#configured) this.#send(this.#configured);
    this.#beat();
  }

  ready(): void {
    this.#send({ type: "ready" });
  }

  /** The supervisor keeps the snapshot for the next worker. */
  configured(snapshot: unknown, settings: SupervisorSettings): void {
    this.#configured = { type: "configured", snapshot, settings };
    this.#send(this.#configured);
  }

  /** What of the new configuration takes another worker. */
  outdated(keys: readonly string[]): void {
    this.#send({ type: "outdated", keys });
  }

  /** Somebody has called: the other workers count it too. */
  came(caller: string): void {
    this.#send({ type: "came", caller });
  }

  /** The number of calls has changed: whoever spreads them is not to wait for the next beat. */
  changed(): void {
    this.#beat();
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
    this.#timer.cancel();
    this.#deafen();
  }

  #listen(): void {
    this.#channel.on("message", this.#onMessage);
    this.#channel.on("disconnect", this.#options.onOrphaned);
  }

  #deafen(): void {
    this.#channel.off("message", this.#onMessage);
    this.#channel.off("disconnect", this.#options.onOrphaned);
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
    const { calls, memoryMb } = this.#options;
    this.#send({ type: "beat", calls: calls(), memoryMb: memoryMb() }, () => {
      this.#beating = false;
    });
  }

  #send(message: FromWorker, done: () => void = () => undefined): void {
    const channel = this.#channel;
    if (!channel.connected || !channel.send) {
      done();
      return;
    }
    // A supervisor that went away in this moment is no error: `disconnect` says so.
    channel.send(message, undefined, {}, () => done());
  }
}
