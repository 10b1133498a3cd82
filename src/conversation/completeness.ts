import { SampleTail } from "../audio/tail.ts";
import type { Clock } from "../base/clock.ts";
import { ProviderError, type TurnModel } from "./providers.ts";

/** A turn model, and how it is believed. */
export interface TurnChoice {
  readonly model: TurnModel;
  /** An answer that takes longer is none. */
  readonly deadlineMs: number;
  /** From this probability on the turn is complete. */
  readonly threshold: number;
  /** The pause after a turn that is, and after one that is not, in ms. */
  readonly completeMs: number;
  readonly incompleteMs: number;
}

interface CompletenessOptions {
  readonly choice: TurnChoice;
  readonly rate: number;
  readonly clock: Clock;
  /** It has judged the pause that it was last asked about. */
  readonly onVerdict: () => void;
}

const KEPT_MS = 8_000;
// The model was taught with turns that begin a little before their first sound.
const LEAD_MS = 500;
const LONGEST_MS = 3_000;

/** Whether the caller has finished, by the sound of it: a model is asked once a pause. Without its answer silence decides. */
export class Completeness {
  readonly #options: CompletenessOptions;
  readonly #tail: SampleTail;
  #pauseAt: number | undefined;
  #complete: boolean | undefined;
  #abort: AbortController | undefined;
  #closed = false;

  constructor(options: CompletenessOptions) {
    this.#options = options;
    this.#tail = new SampleTail((options.rate * KEPT_MS) / 1000);
  }

  /** The caller's sound. In the media's tick: copies, and allocates nothing. */
  push(pcm: Int16Array): void {
    this.#tail.push(pcm);
  }

  /** The caller has paused, and had begun at `sinceAt`. Asked again about the same pause it does nothing. */
  ask({ pauseAt, sinceAt }: { pauseAt: number; sinceAt: number }): void {
    if (this.#closed || pauseAt === this.#pauseAt) return;
    this.#abort?.abort();
    this.#pauseAt = pauseAt;
    this.#complete = undefined;
    this.#abort = new AbortController();
    void this.#judge(this.#options.clock.now() - sinceAt + LEAD_MS, this.#abort);
  }

  /**
   * How long the pause at `pauseAt` may last, where the words so far allow `byWordsMs` and any pause `pauseMs`. What the words say of it is
   * believed before the model: half a number is half a number, whatever it sounds like.
   */
  pauseMs(pauseAt: number, { byWordsMs, pauseMs }: { byWordsMs: number; pauseMs: number }): number {
    if (pauseAt !== this.#pauseAt || this.#complete === undefined) return byWordsMs;
    const { completeMs, incompleteMs } = this.#options.choice;
    if (this.#complete) return byWordsMs > pauseMs ? byWordsMs : Math.min(byWordsMs, completeMs);
    return byWordsMs < pauseMs ? byWordsMs : Math.max(byWordsMs, Math.min(LONGEST_MS, incompleteMs));
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.#abort?.abort();
  }

  async #judge(ms: number, abort: AbortController): Promise<void> {
    const { choice, rate, clock, onVerdict } = this.#options;
    const { model, deadlineMs, threshold } = choice;
    const { signal } = abort;
    const late = clock.after(deadlineMs, () => abort.abort(new ProviderError(model.name, "timeout", "too late")));
    signal.addEventListener("abort", () => late.cancel(), { once: true });
    try {
      const pcm = this.#tail.last(Math.round((ms * rate) / 1000));
      const probability = await model.judge({ pcm, rate }, signal);
      if (signal.aborted) return;
      this.#complete = probability >= threshold;
      onVerdict();
    } catch {
      // The model tells and counts its own troubles; the pause goes on as it would have without it.
    } finally {
      late.cancel();
    }
  }
}
