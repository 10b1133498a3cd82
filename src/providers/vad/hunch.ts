import { FRAME_MS } from "../../audio/frame.ts";

// So much above the line's own noise is sudden, and below this nobody is heard to speak.
const ABOVE_FLOOR = 10 ** (15 / 10);
const AUDIBLE_POWER = (32_768 * 10 ** (-48 / 20)) ** 2;
const START_POWER = (32_768 * 10 ** (-60 / 20)) ** 2;
// The floor falls to a quieter frame at once, nearly, and rises by 3 dB a second.
const FALL = 0.3;
const RISE = 10 ** (3 / 10 / (1000 / FRAME_MS));
// A hunch that the network does not share costs a short gap in the agent's words: not longer than a hard consonant and the vowel
// after it take to convince the network, and on a noisy line not more than a few in a minute.
const LASTS_FRAMES = 200 / FRAME_MS;
const QUIET_FRAMES = 2;
const BUDGET = 3;
const REFILL_FRAMES = 20_000 / FRAME_MS;

/**
 * What may be speech, before the network has said so: a sound that begins suddenly, is loud against the line's noise, and is
 * voice to fvad. "S" and "f" are noise to the network for 100 ms and more; the agent is silent for them all the same.
 */
export class Hunch {
  #floor = START_POWER;
  #age = 0;
  #quiet = 0;
  #spent = false;
  #budget = BUDGET;
  #refill = 0;
  on = false;

  /** One frame. `likely`: fvad has said voice for an onset. `known`: the network has decided that it is speech, so that there is nothing to guess. */
  push(pcm: Int16Array, { voiced, likely, known }: { voiced: boolean; likely: boolean; known: boolean }): void {
    const power = powerOf(pcm);
    this.#follow(power);
    if (++this.#refill >= REFILL_FRAMES) {
      this.#refill = 0;
      this.#budget = Math.min(BUDGET, this.#budget + 1);
    }
    this.#quiet = voiced ? 0 : this.#quiet + 1;
    // One guess a sound: what was no speech at its beginning is for the network alone.
    if (this.#quiet > QUIET_FRAMES) this.#spent = false;
    if (this.on) {
      this.#age++;
      if (known || this.#age >= LASTS_FRAMES || this.#quiet >= QUIET_FRAMES) this.on = false;
      // What turned out to be speech was no false alarm.
      if (known) this.#budget = Math.min(BUDGET, this.#budget + 1);
      return;
    }
    if (known || !likely || this.#spent || this.#budget === 0) return;
    if (power < AUDIBLE_POWER || power < this.#floor * ABOVE_FLOOR) return;
    this.on = true;
    this.#spent = true;
    this.#age = 0;
    this.#budget--;
  }

  reset(): void {
    this.on = false;
    this.#spent = false;
    this.#quiet = 0;
  }

  #follow(power: number): void {
    // Digital silence stands in for what was not sent, and says nothing about the line.
    if (power < 1) return;
    this.#floor = power < this.#floor ? this.#floor + (power - this.#floor) * FALL : this.#floor * RISE;
  }
}

function powerOf(pcm: Int16Array): number {
  let sum = 0;
  for (let at = 0; at < pcm.length; at += 1) sum += (pcm[at] as number) ** 2;
  return sum / Math.max(1, pcm.length);
}
