import { goertzel, meanSquare } from "./goertzel.ts";
import { amplitudeOf } from "./level.ts";

// The calling tone of fax machines (CNG, ITU-T T.30, section 4.1): 1,100 Hz within 38 Hz, half a second on and three
// seconds off, each within 15 %.
const TONE_HZ = 1100;
const ON_MS = { min: 425, max: 575 };
/** Short enough that a tone 38 Hz off still fills most of it, by its own measure. */
const WINDOW_MS = 10;
const MIN_LEVEL_DBOV = -48;
/** The part of all the sound that the tone must be. Voices, which contain everything, fail here. */
const MIN_PURITY = 0.55;
/** Windows at the edges are tone by half, and a lost packet is none. */
const MISSES_TO_END = 3;
const SLACK_WINDOWS = 2;

/** Hears a fax machine that calls. One per call, fed with everything the caller says. */
export class FaxTone {
  readonly #power: ReturnType<typeof goertzel>;
  readonly #window: Int16Array;
  readonly #minPower = amplitudeOf(MIN_LEVEL_DBOV) ** 2;
  #filled = 0;
  #hits = 0;
  #misses = 0;

  constructor(rate: number) {
    this.#power = goertzel(TONE_HZ, rate);
    this.#window = new Int16Array((WINDOW_MS * rate) / 1000);
  }

  /** Any number of samples. True once for every calling tone, some 30 ms after its end. */
  push(pcm: Int16Array): boolean {
    let called = false;
    for (let at = 0; at < pcm.length; ) {
      const part = Math.min(this.#window.length - this.#filled, pcm.length - at);
      for (let i = 0; i < part; i++) this.#window[this.#filled + i] = pcm[at + i] as number;
      at += part;
      this.#filled += part;
      if (this.#filled < this.#window.length) continue;
      this.#filled = 0;
      if (this.#judge(this.#isTone())) called = true;
    }
    return called;
  }

  #isTone(): boolean {
    const total = meanSquare(this.#window);
    return total >= this.#minPower && this.#power(this.#window) >= total * MIN_PURITY;
  }

  #judge(tone: boolean): boolean {
    if (tone) {
      this.#hits += 1 + this.#misses;
      this.#misses = 0;
      return false;
    }
    if (this.#hits === 0 || ++this.#misses < MISSES_TO_END) return false;
    const onMs = this.#hits * WINDOW_MS;
    this.#hits = this.#misses = 0;
    const slackMs = SLACK_WINDOWS * WINDOW_MS;
    return onMs >= ON_MS.min - slackMs && onMs <= ON_MS.max + slackMs;
  }
}
