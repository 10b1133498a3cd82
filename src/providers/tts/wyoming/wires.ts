import type { Clock } from "../../../base/clock.ts";
import { BoundedQueue } from "../../../base/queue.ts";
import { abortable } from "../../../base/signals.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import { type WyomingEvent, WyomingLine } from "../../wyoming.ts";

export interface WyomingWiresOptions {
  readonly provider: string;
  readonly host: string;
  readonly port: number;
  readonly connectMs: number;
  readonly clock: Clock;
}

/** What was asked for: the answer's events up to `audio-stop`, and a way to want them no more. */
export interface Asked {
  readonly events: AsyncIterable<WyomingEvent>;
  /** Nothing to do when the answer is whole. */
  giveUp(): void;
}

const IDLE_MAX = 8;
// Some minutes of sound in chunks of 1,024 samples.
const EVENTS_MAX = 10_000;

/** Connections to a Wyoming server: each has one request at a time; one that is whole serves the next, one given up is closed. */
export class WyomingWires {
  readonly #options: WyomingWiresOptions;
  readonly #idle: Wire[] = [];
  readonly #all = new Set<Wire>();
  #closed = false;

  constructor(options: WyomingWiresOptions) {
    this.#options = options;
  }

  /** Has a connection at hand. Never rejects. */
  async warm(signal: AbortSignal): Promise<void> {
    if (this.#idle.length > 0 || this.#closed) return;
    const wire = this.#open();
    this.#idle.push(wire);
    // The reply that needs it says what is wrong.
    await abortable(wire.opened.promise, signal).catch(() => undefined);
  }

  ask(request: WyomingEvent): Asked {
    if (this.#closed) throw new ProviderError(this.#options.provider, "unreachable", "the voice is closed");
    let wire = this.#idle.pop() ?? this.#open();
    const again = (): AsyncIterable<WyomingEvent> => {
      wire = this.#open();
      return wire.ask(request);
    };
    const over = (): void => this.#rest(wire);
    const { used } = wire;
    const events = wire.ask(request);
    return {
      events: answerOf({ events, again: used ? again : undefined, over }),
      giveUp: () => {
        if (wire.busy) wire.close();
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const wire of this.#all) wire.close();
  }

  #open(): Wire {
    const wire = new Wire(this.#options, () => {
      this.#all.delete(wire);
      const at = this.#idle.indexOf(wire);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    this.#all.add(wire);
    return wire;
  }

  #rest(wire: Wire): void {
    wire.busy = false;
    if (this.#closed || wire.gone || this.#idle.length >= IDLE_MAX) wire.close();
    else this.#idle.push(wire);
  }
}

async function* answerOf({
  events,
  again,
  over,
}: {
  events: AsyncIterable<WyomingEvent>;
  /** Asks once more, on a new connection. */
  again: (() => AsyncIterable<WyomingEvent>) | undefined;
  over: () => void;
}): AsyncGenerator<WyomingEvent, void, undefined> {
  let begun = false;
  try {
    for await (const event of events) {
      begun = true;
      if (event.type === "audio-stop") {
        over();
        return;
      }
      yield event;
    }
  } catch (error) {
    // A server may close a connection after an answer: that is noticed by the next request.
    if (begun || !again) throw error;
    yield* answerOf({ events: again(), again: undefined, over });
  }
}

class Wire {
  readonly opened = Promise.withResolvers<void>();
  readonly #line: WyomingLine;
  readonly #onGone: () => void;
  #events: BoundedQueue<WyomingEvent> | undefined;
  used = false;
  busy = false;
  gone = false;

  constructor(options: WyomingWiresOptions, onGone: () => void) {
    this.#onGone = onGone;
    this.opened.promise.catch(() => undefined);
    const { provider } = options;
    this.#line = new WyomingLine({
      ...options,
      open: () => this.opened.resolve(),
      event: (event) => {
        if (event.type !== "error") this.#events?.push(event);
        else {
          const told = typeof event.data?.text === "string" ? event.data.text.slice(0, 200) : "it reports an error";
          this.#lose(new ProviderError(provider, "unreachable", told));
        }
      },
      lost: (error) => this.#lose(error),
    });
  }

  /** What is sent before the connection is open waits for it. */
  ask(request: WyomingEvent): BoundedQueue<WyomingEvent> {
    const events = new BoundedQueue<WyomingEvent>(EVENTS_MAX);
    this.#events = events;
    this.used = this.busy = true;
    this.#line.send(request);
    return events;
  }

  close(): void {
    this.#lose(undefined);
  }

  #lose(error: ProviderError | undefined): void {
    if (this.gone) return;
    this.gone = true;
    this.busy = false;
    this.#line.close();
    if (error) {
      this.opened.reject(error);
      this.#events?.fail(error);
    } else this.#events?.close();
    this.#onGone();
  }
}
