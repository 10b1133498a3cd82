import { type Goertzel, goertzel, meanSquare } from "./goertzel.ts";
import { amplitudeOf } from "./level.ts";
import { DTMF_COLUMNS_HZ, DTMF_ROWS_HZ, dtmfKey } from "./tone.ts";

export interface DetectedDigit {
  readonly digit: string;
  /** To within 10 ms. */
  readonly durationMs: number;
}

// The rules of ITU-T Q.24, as the administrations in its annex set them: 40 ms of tone are a digit, 20 ms are none,
// 40 ms of silence part two, 10 ms do not. A window of 12.75 ms is wide enough for tones 1.5 % off their frequency; it moves
// on by half of that. A window counts when at least seven tenths of it are tone, so that 24 ms give at most 3 hits, and 31 ms at least 4.
const WINDOW_MS = 12.75;
const STEP_MS = WINDOW_MS / 2;
const HITS_TO_BEGIN = 4;
const MISSES_TO_END = 5;
/** What a tone is longer than its hits say. */
const EDGES_MS = 5;
const MIN_LEVEL_DBOV = -45;
/** How much stronger than the other tones of its group a tone must be. */
const CLEAR = power(8);
/** The column may be this much stronger than the row, and this much weaker: long lines lose the high tones. */
const MAX_TWIST = power(4);
const MAX_REVERSE_TWIST = power(8);
/** The part of all the sound that the two tones must be. Voices, which contain everything, fail here. */
const MIN_PURITY = 0.7;

/** Hears digits that a caller's phone sends as sound. One per call, fed with everything the caller says. */
export class DtmfDetector {
  readonly #rows: readonly Goertzel[];
  readonly #columns: readonly Goertzel[];
  readonly #window: Float64Array;
  readonly #step: number;
  readonly #minPower: number;
  #filled = 0;
  #candidate = "";
  #candidateHits = 0;
  #hits = 0;
  #misses = 0;
  #digit = "";

  constructor({ rate }: { rate: number }) {
    this.#step = Math.round((STEP_MS * rate) / 1000);
    this.#window = new Float64Array(this.#step * 2);
    this.#rows = DTMF_ROWS_HZ.map((hz) => goertzel(hz, rate));
    this.#columns = DTMF_COLUMNS_HZ.map((hz) => goertzel(hz, rate));
    this.#minPower = amplitudeOf(MIN_LEVEL_DBOV) ** 2;
  }

  /** The digit that is being pressed; empty when there is none. */
  get pressed(): string {
    return this.#digit;
  }

  /** Any number of samples. Returns the digits that ended in them, in order; mostly none, and then always the same empty array. */
  push(pcm: Int16Array): readonly DetectedDigit[] {
    let ended = NONE;
    for (let i = 0; i < pcm.length; i++) {
      this.#window[this.#filled++] = pcm[i] as number;
      if (this.#filled < this.#window.length) continue;
      const digit = this.#judge(this.#keyOfWindow());
      this.#window.copyWithin(0, this.#step);
      this.#filled = this.#step;
      if (digit) ended = [...ended, digit];
    }
    return ended;
  }

  /** The line is gone: the digit that was still being pressed. */
  flush(): readonly DetectedDigit[] {
    const digit = this.#end();
    return digit ? [digit] : NONE;
  }

  #judge(key: string): DetectedDigit | undefined {
    if (key !== "" && key === this.#digit) {
      this.#hits += 1 + this.#misses;
      this.#misses = this.#candidateHits = 0;
      return undefined;
    }
    // Another key ends this one as surely as silence does.
    const ended = this.#digit !== "" && ++this.#misses >= MISSES_TO_END ? this.#end() : undefined;
    this.#candidateHits = key !== "" && key === this.#candidate ? this.#candidateHits + 1 : 1;
    this.#candidate = key;
    if (key !== "" && this.#digit === "" && this.#candidateHits >= HITS_TO_BEGIN) this.#begin(key);
    return ended;
  }

  #begin(key: string): void {
    this.#digit = key;
    this.#hits = this.#candidateHits;
    this.#misses = this.#candidateHits = 0;
  }

  #end(): DetectedDigit | undefined {
    if (this.#digit === "") return undefined;
    const ended = { digit: this.#digit, durationMs: Math.round(this.#hits * STEP_MS + EDGES_MS) };
    this.#digit = "";
    this.#hits = this.#misses = 0;
    return ended;
  }

  /** The key that sounds through the window; empty when none does. */
  #keyOfWindow(): string {
    const total = meanSquare(this.#window);
    if (total < this.#minPower) return "";
    const row = strongest(this.#rows, this.#window);
    if (!row) return "";
    const column = strongest(this.#columns, this.#window);
    if (!column) return "";
    if (column.power > row.power * MAX_TWIST || row.power > column.power * MAX_REVERSE_TWIST) return "";
    if (row.power + column.power < total * MIN_PURITY) return "";
    return dtmfKey(row.index, column.index);
  }
}

const NONE: readonly DetectedDigit[] = [];

/** The one tone of a group that stands out; undefined when none does. */
function strongest(group: readonly Goertzel[], window: Float64Array): { index: number; power: number } | undefined {
  let [index, first, second] = [0, 0, 0];
  for (let i = 0; i < group.length; i++) {
    const heard = group[i]?.(window) ?? 0;
    if (heard > first) [index, first, second] = [i, heard, first];
    else second = Math.max(second, heard);
  }
  return first > second * CLEAR ? { index, power: first } : undefined;
}

function power(db: number): number {
  return 10 ** (db / 10);
}
