import type { Clock, Timer } from "../../../base/clock.ts";
import type { Hearing, SpeechToText } from "../../../conversation/providers.ts";
import type { LiveHearing } from "./hearing.ts";

type OpenOptions = Parameters<SpeechToText["open"]>[0];

interface Early {
  readonly key: string;
  readonly hearing: LiveHearing;
  readonly timer: Timer;
  /** Nobody wants it any more: it is closed. */
  readonly drop: () => void;
  readonly ring: AbortSignal;
  readonly over: AbortController;
}

// A call that rings for longer connects when it is answered.
const KEPT_MS = 30_000;
const MAX_KEPT = 50;

/**
 * Hearings whose connection is opened while the call is still ringing: `open` takes one that was opened for the same kind of call.
 * One that was lost meanwhile is not taken, and its loss is nobody's: the call connects anew.
 */
export class EarlyHearings {
  readonly #clock: Clock;
  readonly #make: (options: OpenOptions) => LiveHearing;
  readonly #kept = new Set<Early>();

  constructor(clock: Clock, make: (options: OpenOptions) => LiveHearing) {
    this.#clock = clock;
    this.#make = make;
  }

  /** The two of the port that have to do with it. */
  get port(): { connect: NonNullable<SpeechToText["connect"]>; open(options: OpenOptions): Hearing } {
    return { connect: async (options) => this.connect(options), open: (options) => this.open(options) };
  }

  connect(options: OpenOptions): void {
    const { signal } = options;
    if (signal.aborted || this.#kept.size >= MAX_KEPT) return;
    const over = new AbortController();
    const hearing = this.#make({ ...options, signal: over.signal });
    const drop = (): void => {
      this.#leave(early);
      over.abort();
    };
    const timer = this.#clock.after(KEPT_MS, drop);
    const early: Early = { key: keyOf(options), hearing, timer, drop, ring: signal, over };
    this.#kept.add(early);
    signal.addEventListener("abort", drop, { once: true });
  }

  open(options: OpenOptions): LiveHearing {
    const { signal } = options;
    const early = this.#take(keyOf(options));
    if (!early || signal.aborted) return this.#make(options);
    // From now on it is this call's, whoever's ring it was opened for.
    signal.addEventListener("abort", () => early.over.abort(signal.reason), { once: true });
    return early.hearing;
  }

  /** May be called twice. */
  close(): void {
    for (const early of this.#kept) early.drop();
  }

  #take(key: string): Early | undefined {
    for (const early of this.#kept) {
      if (early.key !== key) continue;
      this.#leave(early);
      if (!early.hearing.transcripts.closed) return early;
      early.over.abort();
    }
    return undefined;
  }

  #leave(early: Early): void {
    this.#kept.delete(early);
    early.timer.cancel();
    early.ring.removeEventListener("abort", early.drop);
  }
}

const keyOf = ({ rate, language, hints }: OpenOptions): string => JSON.stringify([rate, language, hints]);
