import { WordDecoder } from "./spoken-words.ts";

export interface UnderstandingOptions {
  /**
   * What is understood: one entry an utterance, in their order, the last one for all that follow, whatever the sound. Or
   * "spoken": the words that `spokenWords` made sound of.
   */
  readonly transcripts?: readonly string[] | "spoken";
}

export interface Utterance {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

// As loud as a quiet caller.
const LOUD = 200;
// So little sound is a click. A scripted speaker says a word in so much of it.
const LEAST_MS = 100;
const MS_A_WORD = 250;

/** What every fake recogniser is made of: sound in, words out, by script or by what was really in the sound. */
export class Understanding {
  readonly rate: number;
  readonly #script: readonly string[] | undefined;
  readonly #decoder: WordDecoder;
  #spoken: string[] = [];
  #utterances = 0;
  #loudMs = 0;
  #startMs = 0;
  #endMs = 0;
  /** All sound that came, in ms. */
  atMs = 0;

  constructor(rate: number, { transcripts = "spoken" }: UnderstandingOptions) {
    this.rate = rate;
    this.#script = transcripts === "spoken" ? undefined : transcripts;
    this.#decoder = new WordDecoder(rate);
  }

  push(pcm: Int16Array): void {
    const step = this.rate / 100;
    for (let at = 0; at < pcm.length; at += step) {
      const part = pcm.subarray(at, at + step);
      const ms = (part.length * 1000) / this.rate;
      if (meanOf(part) >= LOUD) {
        if (this.#loudMs === 0) this.#startMs = this.atMs;
        this.#loudMs += ms;
        this.#endMs = this.atMs + ms;
      }
      this.atMs += ms;
      if (!this.#script) this.#spoken.push(...this.#decoder.push(part));
    }
  }

  /** Somebody has spoken since the last `take`. */
  get heard(): boolean {
    return this.#script ? this.#loudMs >= LEAST_MS : this.#spoken.length > 0;
  }

  /** So much loud sound since the last `take`. */
  get loudMs(): number {
    return this.#loudMs;
  }

  /** Since the last loud sound. */
  get quietMs(): number {
    return this.atMs - this.#endMs;
  }

  /** The words so far, as a partial shows them. */
  get words(): string {
    if (!this.#script) return this.#spoken.join(" ");
    return this.#sentence()
      .split(" ")
      .slice(0, Math.floor(this.#loudMs / MS_A_WORD))
      .join(" ");
  }

  /** What `take` would say now. */
  get said(): string {
    return !this.heard ? "" : this.#script ? this.#sentence() : this.#spoken.join(" ");
  }

  /** The utterance is over: what was said in it. */
  take(): Utterance {
    const text = this.said;
    if (this.heard) this.#utterances++;
    const times =
      this.#loudMs === 0 ? { startMs: this.atMs, endMs: this.atMs } : { startMs: this.#startMs, endMs: this.#endMs };
    this.#spoken = [];
    this.#loudMs = 0;
    return { text, ...times };
  }

  #sentence(): string {
    const script = this.#script ?? [];
    return script[Math.min(this.#utterances, script.length - 1)] ?? "";
  }
}

function meanOf(pcm: Int16Array): number {
  let sum = 0;
  for (const sample of pcm) sum += Math.abs(sample);
  return pcm.length === 0 ? 0 : sum / pcm.length;
}
