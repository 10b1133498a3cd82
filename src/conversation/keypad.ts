import { type Frame, samplesPerFrame } from "../audio/frame.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Recording } from "../call/recording.ts";
import { type Collector, Entry } from "./collector.ts";
import { Passage } from "./passage.ts";

export interface KeypadOptions {
  readonly collectors: readonly Collector[];
  readonly media: Pick<MediaStream, "rate">;
  readonly clock: Clock;
  readonly recording: Recording | undefined;
  /** The collector that the reply, or the tools that run, will come to; undefined: none. */
  readonly ahead: () => string | undefined;
  /** The caller presses already: what is left of the words before it is not said. */
  readonly hasten: () => void;
  /** A key that is no secret. */
  readonly key: (digit: string) => void;
  /** Says a sentence to the caller. `signal`: it is cut off. Resolves when it is over, however. */
  readonly say: (text: string, signal: AbortSignal) => Promise<void>;
  /** The whole conversation's. */
  readonly signal: AbortSignal;
}

// A number that was long enough is often followed by the key that ends it all the same, or by a digit too many.
const SURPLUS_MS = 1_000;
const EARLY_MAX = 64;

/** What was pressed; undefined: nothing acceptable, however often it was asked for. */
export type Collected = string | undefined;

/** The caller's keys while a collector asks for them; and, around a secure one, the silence towards everybody else. */
export class Keypad {
  readonly #options: KeypadOptions;
  readonly #silence: Frame;
  #passage: Passage | undefined;
  /** Passages whose last keys may still be on their way. */
  readonly #endings = new Set<Passage>();
  #collecting: Collector | undefined;
  #press: ((key: string) => void) | undefined;
  /** Pressed before they were asked for. */
  #early: string[] = [];
  /** Until then keys belong to what was taken just now. */
  #surplusUntil = 0;
  /** A secret was pressed: until the agent speaks again, what follows may belong to it. */
  #guarding = false;

  constructor(options: KeypadOptions) {
    const { rate } = options.media;
    this.#options = options;
    this.#silence = { pcm: new Int16Array(samplesPerFrame(rate)), rate };
  }

  /** A worker that died may have left a passage open: it ends here, as any does, after what is still to be asked in it. */
  inherit(): void {
    if (this.#options.recording?.paused) this.#protect({ inherited: true });
  }

  /** What everybody else may hear of the caller's frame. In the media's tick. */
  heard(frame: Frame): Frame {
    this.#look();
    if (!this.#collecting && !this.#protected) return frame;
    this.#passage?.hear(frame.pcm);
    for (const ending of this.#endings) ending.hear(frame.pcm);
    return this.#silence;
  }

  /** True: the key is taken here, and nobody else's. */
  takes(key: string): boolean {
    this.#look();
    this.#passage?.key();
    for (const ending of this.#endings) ending.key();
    if (this.#press) {
      this.#press(key);
      return true;
    }
    if (this.#collecting || this.#ahead()) {
      if (this.#early.length < EARLY_MAX) this.#early.push(key);
      if (!this.#collecting) this.#options.hasten();
      return true;
    }
    if (this.#protected || this.#guarding) return true;
    const now = this.#options.clock.now();
    if (now >= this.#surplusUntil) return false;
    this.#surplusUntil = now + SURPLUS_MS;
    return true;
  }

  /** The agent speaks: what is pressed from now on answers that. */
  spoken(): void {
    this.#guarding = false;
  }

  /** Asks until something acceptable was pressed, or often enough. Rejects when a secret cannot be kept out of the recording. */
  async collect(collector: Collector, signal: AbortSignal): Promise<Collected> {
    const { secure, retries } = collector.digits;
    this.#collecting = collector;
    try {
      if (secure) await this.#protect().begun();
      let before = "";
      for (let attempt = 0; attempt <= retries; attempt += 1) {
        signal.throwIfAborted();
        const entry = await this.#ask(collector, before === "" ? collector.ask : `${before} ${collector.ask}`, signal);
        if (entry.acceptable) return entry.pressed;
        before = entry.pressed === "" ? collector.nothing : collector.wrong;
      }
      return undefined;
    } finally {
      if (secure) await this.#release();
      this.#surplusUntil = this.#options.clock.now() + SURPLUS_MS;
      this.#early = [];
      this.#collecting = undefined;
    }
  }

  async #ask(collector: Collector, text: string, signal: AbortSignal): Promise<Entry> {
    const { clock, say, key: tell } = this.#options;
    const entry = new Entry(collector);
    const complete = Promise.withResolvers<void>();
    const cut = new AbortController();
    const aborted = (): void => complete.reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    let timer: Timer | undefined;
    const wait = (ms: number): void => {
      timer?.cancel();
      timer = clock.after(ms, () => complete.resolve());
    };
    const press = (key: string): void => {
      cut.abort();
      if (!collector.digits.secure) tell(key);
      if (entry.press(key)) complete.resolve();
      else wait(collector.betweenMs);
    };
    this.#press = press;
    try {
      for (const key of this.#early.splice(0)) press(key);
      if (!cut.signal.aborted) {
        await Promise.race([say(text, AbortSignal.any([cut.signal, signal])), complete.promise]);
        if (!cut.signal.aborted) wait(collector.firstMs);
      }
      await complete.promise;
      return entry;
    } finally {
      this.#press = undefined;
      timer?.cancel();
      cut.abort();
      signal.removeEventListener("abort", aborted);
    }
  }

  #ahead(): Collector | undefined {
    const { ahead, collectors } = this.#options;
    // Asked for every frame of a call, and most agents never ask anybody to press anything.
    if (collectors.length === 0) return undefined;
    const name = ahead();
    return name === undefined ? undefined : collectors.find((collector) => collector.name === name);
  }

  get #protected(): boolean {
    return this.#passage !== undefined || this.#endings.size > 0;
  }

  /** From the moment on in which it is known that a secret will be asked for; until it is known that it is not. */
  #look(): void {
    if (this.#collecting) return;
    if (this.#ahead()?.digits.secure) this.#protect();
    else if (this.#passage) void this.#release();
  }

  #protect({ inherited = false } = {}): Passage {
    const { media, clock, recording } = this.#options;
    this.#guarding = true;
    this.#passage ??= new Passage({ rate: media.rate, clock, recording, inherited });
    return this.#passage;
  }

  async #release(): Promise<void> {
    const passage = this.#passage;
    if (!passage) return;
    this.#passage = undefined;
    this.#endings.add(passage);
    await passage.end(this.#options.signal);
    this.#endings.delete(passage);
  }
}
