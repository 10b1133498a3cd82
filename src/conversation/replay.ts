import { FRAME_MS, type Frame } from "../audio/frame.ts";
import { levelDbov } from "../audio/level.ts";

// Below this nobody speaks; of silence so much is kept, for a word that began softly.
const QUIET_DBOV = -55;
const QUIET_FRAMES = 75;
// What is louder is likely to be speech.
const LOUD_DBOV = -40;
// As many as a caller who has said something leaves behind.
const FREE_FRAMES = 100;

interface Kept extends Frame {
  loud: boolean;
}

/** The caller's last seconds, as far as no recogniser has given its final words for them. Times count all that was ever added, in ms. */
export class Replay {
  readonly #limit: number;
  readonly #frames: Kept[] = [];
  /** Frames that are not needed any more, for those that come. */
  readonly #free: Kept[] = [];
  #addedMs = 0;
  #quiet = 0;
  /** Audio without its final words was forgotten, because there was too much of it. */
  lossy = false;

  constructor({ seconds }: { seconds: number }) {
    this.#limit = Math.max(1, Math.round((seconds * 1000) / FRAME_MS));
  }

  get atMs(): number {
    return this.#addedMs;
  }

  /** Where the first frame that is kept began. */
  get fromMs(): number {
    return this.#addedMs - this.#frames.length * FRAME_MS;
  }

  get frames(): readonly Frame[] {
    return this.#frames;
  }

  /** How much of what is kept is as loud as speech. */
  get loudMs(): number {
    return this.#frames.filter(({ loud }) => loud).length * FRAME_MS;
  }

  /** Copies. `open`: the caller is known to be in the middle of something. */
  add(frame: Frame, { open }: { open: boolean }): void {
    const level = levelDbov(frame.pcm);
    this.#frames.push(this.#keep(frame, level > LOUD_DBOV));
    this.#addedMs += FRAME_MS;
    this.#quiet = level < QUIET_DBOV ? this.#quiet + 1 : 0;
    // Silence before a word need not be heard twice.
    if (!open && this.#quiet >= QUIET_FRAMES) this.#forget(this.#frames.length - QUIET_FRAMES);
    if (this.#frames.length <= this.#limit) return;
    this.#forget(this.#frames.length - this.#limit);
    this.lossy = true;
  }

  /** The words of all before are known. */
  settle(untilMs: number): void {
    this.#forget(Math.floor((untilMs - this.fromMs) / FRAME_MS));
    this.lossy = false;
  }

  #keep({ pcm, rate }: Frame, loud: boolean): Kept {
    const used = this.#free.pop();
    if (used?.rate !== rate || used.pcm.length !== pcm.length) return { pcm: pcm.slice(), rate, loud };
    used.pcm.set(pcm);
    used.loud = loud;
    return used;
  }

  #forget(count: number): void {
    if (count <= 0) return;
    const free = this.#frames.splice(0, count);
    if (this.#free.length < FREE_FRAMES) this.#free.push(...free.slice(0, FREE_FRAMES - this.#free.length));
  }
}
