import type { Clock, Timer } from "../../../base/clock.ts";
import { BoundedQueue } from "../../../base/queue.ts";
import { ProviderError, type WordTime } from "../../../conversation/providers.ts";
import { ProviderSocket } from "../../socket.ts";

/** What a voice says of one context. */
export interface ContextEvent {
  /** Which context; absent: all of this connection. */
  readonly id?: string;
  readonly audio?: Uint8Array;
  /** `chunk`: counted from the beginning of this event's audio; else from that of the context's. */
  readonly words?: { readonly times: readonly WordTime[]; readonly from: "chunk" | "context" };
  readonly done?: boolean;
  readonly error?: ProviderError;
}

/** A vendor's protocol of many contexts on one websocket. */
export interface ContextProtocol {
  readonly provider: string;
  /** Asked for at each connection: a rotated key is used from the next one on. */
  address(): { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** Undefined: nothing that matters. Throws for what is no message of this protocol. */
  read(text: string): ContextEvent | undefined;
  /** `words` to be spoken, and whether they are the last ones. */
  say(id: string, words: string): string[];
  end(id: string): string[];
  cancel(id: string): string[];
}

export interface LineOptions {
  readonly protocol: ContextProtocol;
  readonly clock: Clock;
  readonly connectMs: number;
  /** Contexts at the same time that the vendor allows on one connection. */
  readonly contexts: number;
  /** A connection that nothing was said on for so long is closed: the vendor would do it in the middle of something. */
  readonly idleMs: number;
  /** It takes no context any more. */
  gone(line: Line): void;
}

// Half a minute of sound in pieces of 50 ms and more.
const EVENTS_MAX = 2_000;
// A vendor who does not say that a context has ended is believed to have ended it.
const LINGER_MS = 5_000;

export interface Context {
  readonly events: BoundedQueue<ContextEvent>;
  say(words: string): void;
  end(): void;
  /** Nothing of it is wanted any more; nothing to do when it has ended by itself. */
  cancel(): void;
}

/** One connection to a voice, shared by calls. Told apart by their contexts, which nobody else hears. */
export class Line {
  readonly #options: LineOptions;
  readonly #socket: ProviderSocket;
  readonly #contexts = new Map<string, BoundedQueue<ContextEvent>>();
  /** Cancelled, and counted by the vendor until it says that they are over. */
  readonly #lingering = new Map<string, Timer>();
  readonly #waiting: string[] = [];
  readonly opened = Promise.withResolvers<void>();
  #idle: Timer | undefined;
  #opened = false;
  #gone = false;

  constructor(options: LineOptions) {
    this.#options = options;
    const { protocol, clock, connectMs } = options;
    this.opened.promise.catch(() => undefined);
    this.#socket = new ProviderSocket({
      ...protocol.address(),
      provider: protocol.provider,
      clock,
      connectMs,
      events: {
        open: () => this.#onOpen(),
        text: (text) => this.#onText(text),
        lost: (error) => this.#fail(error),
      },
    });
    this.#rest();
  }

  get free(): boolean {
    return !this.#gone && this.#contexts.size + this.#lingering.size < this.#options.contexts;
  }

  open(id: string): Context {
    const { protocol } = this.#options;
    const events = new BoundedQueue<ContextEvent>(EVENTS_MAX);
    this.#contexts.set(id, events);
    this.#idle?.cancel();
    return {
      events,
      say: (words) => this.#send(protocol.say(id, words)),
      end: () => this.#send(protocol.end(id)),
      cancel: () => this.#cancel(id),
    };
  }

  /** May be called twice. */
  close(error = new ProviderError(this.#options.protocol.provider, "unreachable", "the voice is closed")): void {
    this.#socket.close();
    this.#fail(error);
  }

  #onOpen(): void {
    this.#opened = true;
    this.opened.resolve();
    this.#send(this.#waiting.splice(0));
  }

  #onText(text: string): void {
    const event = this.#read(text);
    if (event?.id === undefined) {
      if (event?.error) this.close(event.error);
      return;
    }
    const over = event.done === true || event.error !== undefined;
    if (over) this.#lingering.get(event.id)?.cancel();
    const events = this.#contexts.get(event.id);
    events?.push(event);
    if (!over) return;
    this.#contexts.delete(event.id);
    this.#lingering.delete(event.id);
    this.#rest();
  }

  #read(text: string): ContextEvent | undefined {
    try {
      return this.#options.protocol.read(text);
    } catch (cause) {
      const { provider } = this.#options.protocol;
      return { error: new ProviderError(provider, "protocol", "it says what cannot be read", { cause }) };
    }
  }

  #cancel(id: string): void {
    if (!this.#contexts.delete(id) || this.#gone) return;
    this.#send(this.#options.protocol.cancel(id));
    const forget = (): void => {
      this.#lingering.delete(id);
      this.#rest();
    };
    this.#lingering.set(id, this.#options.clock.after(LINGER_MS, forget));
  }

  #send(messages: readonly string[]): void {
    if (!this.#opened) this.#waiting.push(...messages);
    else for (const message of messages) this.#socket.send(message);
  }

  #rest(): void {
    if (this.#contexts.size > 0 || this.#gone) return;
    this.#idle?.cancel();
    this.#idle = this.#options.clock.after(this.#options.idleMs, () => this.close());
  }

  #fail(error: ProviderError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#idle?.cancel();
    for (const timer of this.#lingering.values()) timer.cancel();
    this.#lingering.clear();
    this.opened.reject(error);
    for (const events of this.#contexts.values()) events.fail(error);
    this.#contexts.clear();
    this.#options.gone(this);
  }
}
