import type { DeepgramClient } from "@deepgram/sdk";
import type { Clock, Timer } from "../../../base/clock.ts";
import { BoundedQueue } from "../../../base/queue.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import { DeepgramLine, type Sdk } from "../../deepgram-line.ts";
import type { Key } from "../../key.ts";
import type { Context, ContextEvent } from "../live/line.ts";
import type { VoiceLine } from "../live/lines.ts";
import type { Coding } from "../live/sound.ts";

type AuraSocket = Awaited<ReturnType<DeepgramClient["speak"]["v1"]["createConnection"]>>;

/** What belongs to a connection. */
export interface AuraKind {
  readonly model: string;
  readonly coding: Coding;
}

export interface AuraLineOptions {
  readonly sdk: Promise<Sdk>;
  readonly provider: string;
  readonly url: string;
  readonly apiKey: Key;
  readonly mipOptOut: boolean;
  readonly clock: Clock;
  readonly connectMs: number;
  readonly kind: AuraKind;
  gone(line: VoiceLine): void;
}

const EVENTS_MAX = 2_000;
// A connection that nothing is said on is closed by the vendor some day: before that, we do.
const IDLE_MS = 50_000;
// What was interrupted is cleared within this, or the connection is given up.
const CLEAR_MS = 2_000;
// The vendor takes 20 flushes a minute on one connection.
const FLUSHES = 18;
const FLUSHES_MS = 60_000;

/**
 * One connection of Deepgram's `speak.v1`: it speaks to one caller at a time, and to the next when that one's words have been said
 * or cleared. Each piece is flushed, so that it is spoken at once.
 */
export class AuraLine implements VoiceLine {
  readonly #options: AuraLineOptions;
  readonly #line: DeepgramLine<AuraSocket>;
  readonly opened = Promise.withResolvers<void>();
  readonly #waiting: string[] = [];
  readonly #flushedAt: number[] = [];
  #events: BoundedQueue<ContextEvent> | undefined;
  /** Flushes of this context that are not answered yet, and of those before it. */
  #owed = 0;
  #stale = 0;
  #ended = false;
  #sounded = false;
  #clearing: Timer | undefined;
  #idle: Timer | undefined;
  #gone = false;

  constructor(options: AuraLineOptions) {
    this.#options = options;
    const { kind, mipOptOut, sdk, provider, url, apiKey, clock, connectMs } = options;
    this.opened.promise.catch(() => undefined);
    this.#line = new DeepgramLine<AuraSocket>({
      ...{ sdk, provider, url, apiKey, clock, connectMs },
      create: (client) =>
        client.speak.v1.createConnection({
          model: kind.model,
          encoding: kind.coding.kind === "mulaw" ? "mulaw" : "linear16",
          sample_rate: String(kind.coding.rate),
          ...(mipOptOut && { mip_opt_out: "true" }),
          reconnectAttempts: 0,
        }),
      open: () => this.#onOpen(),
      message: (message) => this.#receive(message),
      binary: (data) => this.#sound(data),
      lost: (error) => this.#lose(error as ProviderError),
    });
    this.#rest();
  }

  get free(): boolean {
    const since = this.#options.clock.now() - FLUSHES_MS;
    while (this.#flushedAt[0] !== undefined && this.#flushedAt[0] < since) this.#flushedAt.shift();
    return !this.#gone && !this.#events && !this.#clearing && this.#flushedAt.length < FLUSHES;
  }

  open(_id: string): Context {
    const events = new BoundedQueue<ContextEvent>(EVENTS_MAX);
    this.#events = events;
    this.#idle?.cancel();
    this.#owed = 0;
    this.#ended = this.#sounded = false;
    const mine = (): boolean => this.#events === events;
    return {
      events,
      say: (words) => {
        if (mine()) this.#say(words);
      },
      end: () => {
        if (!mine()) return;
        this.#ended = true;
        this.#finish();
      },
      cancel: () => {
        if (mine()) this.#clear();
      },
    };
  }

  close(): void {
    this.#lose(new ProviderError(this.#options.provider, "unreachable", "the voice is closed"));
  }

  #onOpen(): void {
    this.opened.resolve();
    for (const words of this.#waiting.splice(0)) this.#send(words);
  }

  #say(words: string): void {
    this.#owed += 1;
    this.#flushedAt.push(this.#options.clock.now());
    if (this.#line.socket) this.#send(words);
    else this.#waiting.push(words);
  }

  #send(words: string): void {
    this.#line.socket?.sendText({ type: "Speak", text: words });
    this.#line.socket?.sendFlush({ type: "Flush" });
  }

  #sound(data: Uint8Array): void {
    if (!this.#events) return;
    this.#sounded = true;
    this.#events.push({ audio: data.slice() });
  }

  #receive(message: unknown): void {
    if (typeof message !== "object" || message === null || !("type" in message))
      throw new ProviderError(this.#options.provider, "protocol", "it sent something that is no message of its own");
    if (message.type === "Flushed") this.#flushed();
    else if (message.type === "Cleared") this.#cleared();
    else if (message.type === "Error") {
      const told = "description" in message ? String(message.description).slice(0, 200) : "it reports an error";
      this.#lose(new ProviderError(this.#options.provider, "refused", told));
    }
  }

  #flushed(): void {
    // The answer to what was cleared may come late.
    if (!this.#events || (this.#stale > 0 && !this.#sounded)) {
      this.#stale = Math.max(0, this.#stale - 1);
      return;
    }
    this.#owed -= 1;
    this.#finish();
  }

  #finish(): void {
    if (!this.#ended || this.#owed > 0) return;
    const events = this.#events;
    this.#events = undefined;
    this.#stale = 0;
    this.#rest();
    events?.push({ done: true });
  }

  /** The caller speaks: what is left of it is neither made nor sent. */
  #clear(): void {
    this.#events = undefined;
    const { socket } = this.#line;
    if (!socket) {
      this.#waiting.length = 0;
      this.#rest();
      return;
    }
    this.#stale = this.#owed;
    socket.sendClear({ type: "Clear" });
    this.#clearing = this.#options.clock.after(CLEAR_MS, () => this.close());
  }

  #cleared(): void {
    this.#clearing?.cancel();
    this.#clearing = undefined;
    this.#rest();
  }

  #rest(): void {
    if (this.#events || this.#gone) return;
    this.#idle?.cancel();
    this.#idle = this.#options.clock.after(IDLE_MS, () => this.close());
  }

  #lose(error: ProviderError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#line.socket?.sendClose({ type: "Close" });
    this.#line.close();
    this.#idle?.cancel();
    this.#clearing?.cancel();
    this.opened.reject(error);
    this.#events?.fail(error);
    this.#events = undefined;
    this.#options.gone(this);
  }
}
