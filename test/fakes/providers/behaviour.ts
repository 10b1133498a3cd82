/**
 * How a loopback provider behaves. Times are real milliseconds, fixed, so that a bench measures us and not the fake.
 * Faults are what providers do to their users on a bad day:
 * - `refuse`: the connection is closed before a word
 * - a number: that HTTP status, on requests and on websocket handshakes
 * - `silent`: accepts, and never answers
 * - `stall`: answers, and falls silent for ever in the middle
 * - `garbage`: answers with what is no part of the protocol
 * - `empty`: a whole answer with nothing in it
 * - `close`: the connection breaks in the middle of the answer
 */
export type Fault = "refuse" | "silent" | "stall" | "garbage" | "empty" | "close" | 401 | 429 | 500 | 503;

export interface Behaviour {
  /** From a request to the first that comes of its answer. */
  firstMs?: number;
  /** Tokens, or seconds of audio, a second: 0 gives all at once. */
  perSecond?: number;
  fault?: Fault | undefined;
  /** With this, only the first so many requests have the fault. */
  faults?: number | undefined;
}

/** What is asked of a fake's behaviour, request by request. Change `set` in the middle of a test as you like. */
export class Moods {
  #mood: Behaviour;
  #faults = 0;

  constructor(mood: Behaviour = {}) {
    this.#mood = mood;
  }

  set(mood: Behaviour): void {
    this.#mood = mood;
    this.#faults = 0;
  }

  get firstMs(): number {
    return this.#mood.firstMs ?? 0;
  }

  get perSecond(): number {
    return this.#mood.perSecond ?? 0;
  }

  /** The fault of the next request; of those that `which` is true for. */
  next(which: (fault: Fault) => boolean = () => true): Fault | undefined {
    const { fault, faults } = this.#mood;
    if (fault === undefined || !which(fault) || this.#faults >= (faults ?? Number.POSITIVE_INFINITY)) return undefined;
    this.#faults += 1;
    return fault;
  }
}

/** What `pause` watches. */
export interface Watched {
  readonly destroyed: boolean;
  once(event: "close", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
}

/** A wait that ends when its connection does. False: it has. */
export function pause(ms: number, socket: Watched): Promise<boolean> {
  if (socket.destroyed) return Promise.resolve(false);
  if (ms <= 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const end = (whole: boolean): void => {
      clearTimeout(timer);
      socket.off("close", gone);
      resolve(whole);
    };
    const gone = (): void => end(false);
    const timer = setTimeout(() => end(true), ms);
    socket.once("close", gone);
  });
}

/** Faults of a websocket's handshake; the others are of what is said on it. */
export const ofHandshake = (fault: Fault): boolean => fault === "refuse" || typeof fault === "number";
