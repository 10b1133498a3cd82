import type { Frame } from "../audio/frame.ts";

// A caller who turns away from the telephone is this much quieter and still the caller.
const NEAR_DB = 8;
// Who is quieter than this is somebody else: a room full of people, a television, another line's echo.
const FAR_DB = 12;
// The same against the agent's own voice, while nothing is known of the caller's; a loud voice is no reason to expect loud callers.
const FAR_FROM_AGENT_DB = 10;
const USUAL_POWER = (32_768 * 10 ** (-20 / 20)) ** 2;
// More than half a second of speech is enough to know how loud somebody talks.
const KNOWN_FRAMES = 30;
const JUDGED_FRAMES = 5;
const STANDS_OUT = 10 ** (6 / 10);
// The level of the present sound is that of its last half second.
const PRESENT_FRAMES = 25;
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
  #agentPower = 0;
  #ignoredPower = 0;
  #farBefore = false;

  /** A sound begins. */
  begin(): void {
    this.#farBefore = this.far;
    this.#soundPower = 0;
    this.#ignoredPower = 0;
    this.#soundFrames = 0;
  }

  /** A frame of the present sound. `caller`: it is the caller who has the floor, so that this is how loud they talk. */
  hear(frame: Frame, caller: boolean): void {
    const power = meanSquare(frame.pcm);
    this.#soundFrames += 1;
    this.#soundPower += (power - this.#soundPower) / Math.min(this.#soundFrames, PRESENT_FRAMES);
    if (!caller) return;
    this.#usualFrames += 1;
    this.#usualPower += (power - this.#usualPower) * Math.max(FOLLOW, 1 / this.#usualFrames);
  }

  /** A frame of the agent's own voice. */
  agent(pcm: Int16Array): void {
    const power = meanSquare(pcm);
    if (power < QUIET_POWER) return;
    this.#agentPower += (power - this.#agentPower) * (this.#agentPower === 0 ? 1 : FOLLOW * 10);
  }

  /** The present sound is the line's, as loud as it is now: only what stands out of it counts as loud, until the next one begins. */
  ignore(): void {
    this.#ignoredPower = this.#soundPower;
  }

  /** How many frames the present sound has. */
  get frames(): number {
    return this.#soundFrames;
  }

  /** Whether the present sound is so much quieter than the caller that it is none of the caller's. */
  get far(): boolean {
    // Words come later than their sound: while the present one is too short to judge, they belong to the one before.
    if (this.#soundFrames < JUDGED_FRAMES) return this.#farBefore;
    if (this.#usualFrames >= KNOWN_FRAMES) return decibels(this.#soundPower / this.#usualPower) < -FAR_DB;
    const expected = Math.min(this.#agentPower, USUAL_POWER);
    return expected > 0 && decibels(this.#soundPower / expected) < -FAR_FROM_AGENT_DB;
  }

  /** Whether the present sound is as loud as the caller talks, or as callers do where nothing is known of this one. */
  get loud(): boolean {
    if (this.#soundPower < this.#ignoredPower * STANDS_OUT) return false;
    return this.near ?? (this.#soundFrames > 0 && this.#soundPower > QUIET_POWER && !this.far);
  }

  /** Whether the present sound is as loud as the caller talks; undefined while too little was heard to say so. */
  get near(): boolean | undefined {
    if (this.#usualFrames < KNOWN_FRAMES || this.#soundFrames === 0) return undefined;
    return decibels(this.#soundPower / this.#usualPower) > -NEAR_DB;
  }
}

const decibels = (ratio: number): number => 10 * Math.log10(ratio);

function meanSquare(pcm: Int16Array): number {
  let sum = 1;
  for (let at = 0; at < pcm.length; at += 1) {
    const sample = pcm[at] ?? 0;
    sum += sample * sample;
  }
  return sum / Math.max(1, pcm.length);
}
