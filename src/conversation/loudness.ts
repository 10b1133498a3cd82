import type { Frame } from "../audio/frame.ts";

// A caller who turns away from the telephone is this much quieter and still the caller.
const NEAR_DB = 8;
// About a second of speech is enough to know how loud somebody talks.
const KNOWN_FRAMES = 50;
// The weight of a new frame, once the level is known: some ten seconds of memory.
const FOLLOW = 0.002;
// Line noise is below -38 dBov, a voice at a telephone above.
const QUIET_POWER = (32_768 * 10 ** (-38 / 20)) ** 2;

/** How loud this caller talks, and whether the present sound is as loud. One pass over a frame, no allocation. */
export class Loudness {
  #usualPower = 0;
  #usualFrames = 0;
  #soundPower = 0;
  #soundFrames = 0;

  /** A sound begins. */
  begin(): void {
    this.#soundPower = 0;
    this.#soundFrames = 0;
  }

  /** A frame of the present sound. `caller`: it is the caller who has the floor, so that this is how loud they talk. */
  hear(frame: Frame, caller: boolean): void {
    const power = meanSquare(frame.pcm);
    this.#soundFrames += 1;
    this.#soundPower += (power - this.#soundPower) / this.#soundFrames;
    if (!caller) return;
    this.#usualFrames += 1;
    this.#usualPower += (power - this.#usualPower) * Math.max(FOLLOW, 1 / this.#usualFrames);
  }

  /** Whether the present sound is as loud as the caller talks, or as callers do where nothing is known of this one. */
  get loud(): boolean {
    return this.near ?? (this.#soundFrames > 0 && this.#soundPower > QUIET_POWER);
  }

  /** Whether the present sound is as loud as the caller talks; undefined while too little was heard to say so. */
  get near(): boolean | undefined {
    if (this.#usualFrames < KNOWN_FRAMES || this.#soundFrames === 0) return undefined;
    return 10 * Math.log10(this.#soundPower / this.#usualPower) > -NEAR_DB;
  }
}

function meanSquare(pcm: Int16Array): number {
  let sum = 1;
  for (let at = 0; at < pcm.length; at += 1) {
    const sample = pcm[at] ?? 0;
    sum += sample * sample;
  }
  return sum / Math.max(1, pcm.length);
}
