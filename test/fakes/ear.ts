import type { Frame } from "../../src/audio/frame.ts";
import { FRAME_MS } from "../../src/audio/frame.ts";
import type { Clock } from "../../src/base/clock.ts";
import { BoundedQueue } from "../../src/base/queue.ts";
import type {
  Hearing,
  SpeechToText,
  Transcript,
  VoiceActivity,
  VoiceDetector,
} from "../../src/conversation/providers.ts";

const VOICED = 400;

/** Voice activity by the first sample: edges after 40 ms of sound and 200 ms of silence. */
export class FakeVoiceActivity implements VoiceActivity {
  readonly name = "fake";
  opened = 0;
  closed = 0;

  open(): VoiceDetector {
    this.opened += 1;
    const stop = (): void => {
      this.closed += 1;
    };
    return new FakeDetector(stop);
  }

  async close(): Promise<void> {}
}

class FakeDetector implements VoiceDetector {
  readonly hangoverMs = 200;
  readonly onsetMs = 40;
  readonly close: () => void;
  #ms = 0;
  speaking = false;

  constructor(close: () => void) {
    this.close = close;
  }

  push({ pcm }: Frame): "speech" | "silence" | undefined {
    const voiced = Math.abs(pcm[0] ?? 0) >= VOICED;
    if (voiced === this.speaking) {
      this.#ms = 0;
      return undefined;
    }
    this.#ms += FRAME_MS;
    if (this.#ms < (voiced ? this.onsetMs : this.hangoverMs)) return undefined;
    this.#ms = 0;
    this.speaking = voiced;
    return voiced ? "speech" : "silence";
  }

  reset(): void {
    this.#ms = 0;
    this.speaking = false;
  }
}

/** A recogniser that is told what it understands. Finals come `finalMs` after `finish`. */
export class FakeEar implements SpeechToText {
  readonly name = "fake";
  readonly #clock: Clock;
  finalMs = 20;
  /** Whether partial words come while the caller speaks. */
  partials = true;
  /** It takes everything and says nothing. */
  hangs = false;
  /** How sure it is of its finals. */
  confidence: number | undefined;
  opened = 0;
  /** Of each hearing. */
  readonly languages: string[] = [];
  frames = 0;
  /** Is given every frame, where somebody wants to look at them. */
  onFrame: ((frame: Frame) => void) | undefined;
  finishes = 0;
  #transcripts: BoundedQueue<Transcript> | undefined;
  #words: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A word was said. */
  hear(word: string): void {
    this.#words.push(word);
    if (this.partials) this.#emit(this.#words.join(" "), false);
  }

  /** A transcript out of the blue. */
  emit(
    text: string,
    { language, ...how }: { final: boolean; turnEnd?: boolean; eager?: boolean; language?: string },
  ): void {
    const { final, turnEnd = false, eager } = how;
    if (language === undefined) this.#emit(text, final, turnEnd, eager);
    else this.#transcripts?.push({ text, final, turnEnd, language, startMs: 0, endMs: 0 });
  }

  die(error: unknown): void {
    this.#transcripts?.fail(error);
  }

  /** The recogniser ends its stream without a word of why. */
  leave(): void {
    this.#transcripts?.close();
  }

  open({ language, signal }: { language: string; signal: AbortSignal }): Hearing {
    this.opened += 1;
    this.languages.push(language);
    this.#words = [];
    const transcripts = new BoundedQueue<Transcript>(100);
    this.#transcripts = transcripts;
    signal.addEventListener("abort", () => transcripts.close(), { once: true });
    return {
      push: (frame) => {
        this.frames += 1;
        this.onFrame?.(frame);
      },
      finish: () => {
        this.finishes += 1;
        const text = this.#words.join(" ");
        this.#words = [];
        const { confidence } = this;
        if (!this.hangs)
          this.#clock.after(this.finalMs, () => push(transcripts, text, { final: true, turnEnd: false, confidence }));
      },
      transcripts,
    };
  }

  async close(): Promise<void> {}

  #emit(text: string, final: boolean, turnEnd = false, eager?: boolean): void {
    if (this.#transcripts && !this.hangs) push(this.#transcripts, text, { final, turnEnd, eager });
  }
}

const push = (
  to: BoundedQueue<Transcript>,
  text: string,
  {
    final,
    turnEnd,
    confidence,
    eager,
  }: { final: boolean; turnEnd: boolean; confidence?: number | undefined; eager?: boolean | undefined },
): void => {
  to.push({
    text,
    final,
    startMs: 0,
    endMs: 0,
    ...(turnEnd && { turnEnd }),
    ...(confidence !== undefined && { confidence }),
    ...(eager !== undefined && { eager }),
  });
};
