import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import { withDeadline } from "../base/signals.ts";

/** A caller waits for it. */
const ANSWER_MS = 50;
/** An offer is over by then; its name never comes again. */
const KEEP_MS = 10_000;

/**
 * Which worker connects to an offered call: the one that makes the offer's file. The PBX alone does not decide it: two that
 * come in the same millisecond have both been let in.
 */
export class Fence {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #made: Promise<unknown>;

  constructor(dir: string, clock: Clock) {
    this.#dir = dir;
    this.#clock = clock;
    this.#made = mkdir(dir, { recursive: true, mode: 0o700 }).then(() => this.#removeOld());
    this.#made.catch(() => undefined);
  }

  /** False: another one has it. A disk that does not answer keeps nobody from a call. */
  async claim(offer: string): Promise<boolean> {
    try {
      const message = "the fence did not answer";
      return await withDeadline(() => this.#claim(offer), { clock: this.#clock, ms: ANSWER_MS, message });
    } catch {
      return true;
    }
  }

  async #claim(offer: string): Promise<boolean> {
    await this.#made;
    // Ids are the PBX's; whatever is none stays in its folder.
    const path = join(this.#dir, encodeURIComponent(offer).slice(0, 150));
    try {
      await (await open(path, "wx", 0o600)).close();
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
    this.#clock.after(KEEP_MS, () => void rm(path, { force: true }).catch(() => undefined));
    return true;
  }

  /** What dead workers have left behind. */
  async #removeOld(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (this.#clock.wall() - mtimeMs > KEEP_MS) await rm(path, { force: true });
    }
  }
}
