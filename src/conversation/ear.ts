import type { Frame, SampleRate } from "../audio/frame.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { ConversationLimits } from "./limits.ts";
import {
  type Hearing,
  ProviderError,
  type SpeechToText,
  type Transcript,
  type VoiceActivity,
  type VoiceDetector,
} from "./providers.ts";

export type EarEdge = "onset" | "veto" | "speech" | "silence";

export interface EarEvents {
  /** Edges of voice activity, in the tick of the frame. `onset`: it may be speech; then either `speech` follows or `veto`. */
  edge(edge: EarEdge): void;
  transcript(transcript: Transcript): void;
  /** The recogniser was lost and is opened again: no final will come for what was open. */
  restarted(): void;
  /** It was lost too often. */
  lost(error: unknown): void;
}

export interface EarOptions {
  readonly vad: VoiceActivity;
  readonly stt: SpeechToText;
  readonly rate: SampleRate;
  readonly language: string;
  readonly hints: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ConversationLimits;
  readonly events: EarEvents;
}

const RESTART_WINDOW_MS = 60_000;
const RESTART_DELAY_MS = 250;
// So many times in a row without its final: the recogniser hangs, although it has not said so.
const MISSED_FINALS = 2;

/** What hears the caller: voice activity and a recogniser, which may be lost without losing the call. */
export class Ear {
  readonly #options: EarOptions;
  readonly #detector: VoiceDetector;
  readonly #restarts: number[] = [];
  #hearing: Hearing | undefined;
  #abort = new AbortController();
  #reopen: Timer | undefined;
  #closed = false;
  #missed = 0;
  #hunch = false;
  /** Finals that are still to come. */
  pending = 0;
  /** The far end plays music: nothing is heard. */
  deaf = false;
  /** The end of the last voiced frame, by the clock's `now`. */
  voicedAt: number | undefined;
  /** The beginning of the present or last sound. */
  soundAt = 0;

  constructor(options: EarOptions) {
    this.#options = options;
    this.#detector = options.vad.open({ rate: options.rate });
    this.#detector.onEdge?.((edge) => this.#onEdge(edge));
    this.#open();
  }

  get speaking(): boolean {
    return this.#detector.speaking;
  }

  /** Whether voice activity hears a sound, or has within the last `ms`. */
  soundWithin(ms: number): boolean {
    return this.speaking || (this.voicedAt !== undefined && this.#options.clock.now() - this.voicedAt <= ms);
  }

  /** One frame of the caller's. In the media's tick: no waiting, no allocation. */
  push(frame: Frame): void {
    if (this.deaf || this.#closed) return;
    this.#hearing?.push(frame);
    const edge = this.#detector.push(frame);
    if (edge === undefined) this.#followHunch();
    else this.#onEdge(edge);
  }

  #followHunch(): void {
    const hunch = this.#detector.hunch ?? false;
    if (hunch === this.#hunch) return;
    this.#hunch = hunch;
    if (hunch) this.soundAt = this.#options.clock.now() - this.#detector.onsetMs;
    // One that came true has been told as speech.
    if (hunch || !this.speaking) this.#options.events.edge(hunch ? "onset" : "veto");
  }

  #onEdge(edge: "speech" | "silence"): void {
    if (this.deaf || this.#closed) return;
    const now = this.#options.clock.now();
    if (edge === "speech") {
      if (!this.#hunch) this.soundAt = now - this.#detector.onsetMs;
      this.#hunch = false;
    } else {
      this.voicedAt = now - this.#detector.hangoverMs;
      this.finish();
    }
    this.#options.events.edge(edge);
  }

  /** Asks for the final words of the utterance. */
  finish(): void {
    if (!this.#hearing) return;
    this.pending += 1;
    this.#hearing.finish();
  }

  /** The final was waited for in vain. */
  missed(): void {
    this.#missed += 1;
    if (this.#missed >= MISSED_FINALS)
      this.restart(new ProviderError(this.#options.stt.name, "timeout", "no final words"));
  }

  /** Opens the recogniser again: at once the first time, a little later the next, and not for ever. */
  restart(error: unknown): void {
    if (this.#closed) return;
    const { clock, log, limits, events, stt } = this.#options;
    this.#shut();
    const now = clock.now();
    while (this.#restarts[0] !== undefined && this.#restarts[0] < now - RESTART_WINDOW_MS) this.#restarts.shift();
    this.#restarts.push(now);
    if (this.#restarts.length > limits.earRestarts) {
      events.lost(error);
      return;
    }
    log.warn(
      { provider: stt.name, err: error, restart: this.#restarts.length },
      "the recogniser was lost and is opened again",
    );
    const delayMs = (this.#restarts.length - 1) * RESTART_DELAY_MS;
    if (delayMs === 0) this.#open();
    else this.#reopen = clock.after(delayMs, () => this.#open());
    events.restarted();
  }

  /** Hears in another language from now on, as the options say by then. What was open is settled by whoever asks for this. */
  relearn(): void {
    if (this.#closed) return;
    this.#shut();
    this.#open();
  }

  /** The edges begin anew: after a hold, or when sound never ended. */
  reset(): void {
    this.#detector.reset();
    this.#followHunch();
  }

  /** May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#shut();
    this.#detector.close();
  }

  #shut(): void {
    this.#reopen?.cancel();
    this.#abort.abort();
    this.#hearing = undefined;
    this.pending = 0;
    this.#missed = 0;
  }

  #open(): void {
    const { stt, rate, language, hints } = this.#options;
    const abort = new AbortController();
    this.#abort = abort;
    try {
      this.#hearing = stt.open({ rate, language, hints, signal: abort.signal });
    } catch (error) {
      // Not within the constructor or a restart: whoever called is not ready for the next one.
      this.#reopen = this.#options.clock.after(0, () => this.restart(error));
      return;
    }
    void this.#read(this.#hearing, abort.signal);
  }

  async #read(hearing: Hearing, signal: AbortSignal): Promise<void> {
    let ending: unknown = new ProviderError(this.#options.stt.name, "protocol", "the recogniser ended by itself");
    try {
      for await (const transcript of hearing.transcripts) {
        if (signal.aborted) return;
        if (transcript.final) {
          this.pending = Math.max(0, this.pending - 1);
          this.#missed = 0;
        }
        this.#options.events.transcript(transcript);
      }
    } catch (error) {
      ending = error;
    }
    if (!signal.aborted) this.restart(ending);
  }
}
