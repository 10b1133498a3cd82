import type { Frame } from "../../audio/frame.ts";

const FLOOR_START = 8;
const FLOOR_RISE = 0.005;
const FLOOR_FALL = 0.1;
// Mean amplitudes. A quiet caller is at 100, an empty µ-law line below 10.
const LEAST = 30;
const OVER_FLOOR = 3;
const OPEN_AFTER_FRAMES = 2;

/** Tells sound from an empty line, so that silence costs no decoding. Generous: what it lets through by mistake costs only time. */
export class Gate {
  #floor = FLOOR_START;
  #loudFrames = 0;

  /** Whether this frame is loud, and whether enough of them came in a row for sound to have begun. */
  hear(frame: Frame): { readonly loud: boolean; readonly begun: boolean } {
    const level = meanOf(frame.pcm);
    const loud = level > Math.max(LEAST, OVER_FLOOR * this.#floor);
    this.#floor += (level - this.#floor) * (level > this.#floor ? FLOOR_RISE : FLOOR_FALL);
    this.#loudFrames = loud ? this.#loudFrames + 1 : 0;
    if (!loud) return QUIET;
    return this.#loudFrames >= OPEN_AFTER_FRAMES ? BEGUN : LOUD;
  }
}

const QUIET = { loud: false, begun: false } as const;
const LOUD = { loud: true, begun: false } as const;
const BEGUN = { loud: true, begun: true } as const;

function meanOf(pcm: Int16Array): number {
  let sum = 0;
  for (let at = 0; at < pcm.length; at++) sum += Math.abs(pcm[at] ?? 0);
  return pcm.length === 0 ? 0 : sum / pcm.length;
}
