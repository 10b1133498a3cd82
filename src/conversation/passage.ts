import { DtmfDetector } from "../audio/dtmf-detector.ts";
import type { Clock } from "../base/clock.ts";
import type { Recording } from "../call/recording.ts";

export interface PassageOptions {
  readonly rate: number;
  readonly clock: Clock;
  readonly recording: Recording | undefined;
  /** A worker that died has left the recording paused for this passage. */
  readonly inherited: boolean;
}

/** So long after the last key and the last tone a caller may still be pressing. */
const TAIL_MS = 500;
const TAIL_MAX_MS = 5_000;
const LOOK_MS = 50;

/**
 * A part of a call of which nothing is heard, recorded or remembered: a secret is being pressed. It holds from the moment in
 * which it is made, apart from the recording, which `begun` waits for.
 */
export class Passage {
  readonly #options: PassageOptions;
  readonly #detector: DtmfDetector;
  readonly #paused: Promise<void>;
  #lastKeyAt: number;

  constructor(options: PassageOptions) {
    const { rate, clock, recording, inherited } = options;
    this.#options = options;
    this.#detector = new DtmfDetector({ rate });
    this.#lastKeyAt = clock.now();
    this.#paused = inherited ? Promise.resolve() : (recording?.pause() ?? Promise.resolve());
    // Whoever wants to know asks `begun`.
    this.#paused.catch(() => {});
  }

  /** Resolves when nothing is recorded any more; rejects when that cannot be had. */
  begun(): Promise<void> {
    return this.#paused;
  }

  /** What the caller's phone sends: nobody else hears it. */
  hear(pcm: Int16Array): void {
    if (this.#detector.push(pcm).length > 0 || this.#detector.pressed !== "") this.key();
  }

  key(): void {
    this.#lastKeyAt = this.#options.clock.now();
  }

  /**
   * Waits until the keys are quiet, and has the recording go on. Never rejects. Where the conversation ends meanwhile, nobody
   * knows what the caller goes on pressing, and the recording stays paused.
   */
  async end(signal: AbortSignal): Promise<void> {
    const { clock, recording } = this.#options;
    const by = clock.now() + TAIL_MAX_MS;
    try {
      while (clock.now() < Math.min(by, this.#lastKeyAt + TAIL_MS)) await clock.sleep(LOOK_MS, signal);
    } catch {
      return;
    }
    const paused = await this.#paused.then(
      () => true,
      () => false,
    );
    // What is missing of a recording is told where it happens.
    if (paused && !signal.aborted) await recording?.resume().catch(() => {});
  }
}
