import type { Clock, Timer } from "../../base/clock.ts";
import type { EslConnection } from "./esl/connection.ts";
import type { EslEvent } from "./esl/event.ts";
import { whileLent } from "./while-lent.ts";

export interface DeadmanOptions {
  readonly uuid: string;
  /** Of this lending; empty: the dialplan gives none. */
  readonly ticket: string;
  /** `<extension> XML <context>`. */
  readonly place: string;
  readonly connection: EslConnection;
  readonly clock: Clock;
  /** Tasks of this call that were told of before this was made. */
  readonly known: Iterable<string>;
}

// Measured: seconds are whole and follow the wall clock, so +1 fires on a healthy call.
const FUSE_S = 2;
const RENEW_MS = 500;
// The dialplan's own fuse may be more than a second old in its whole seconds, and has the call's taking-up behind it: it fires
// on a busy worker's healthy call if it is renewed as late as others. Not at once: it is told of 20 ms after it was lit.
const FIRST_MS = 100;
// A fuse's id is told 20 ms after it was lit.
const NAMED_MS = 250;
const MAX_NAMELESS = 4;
const MAX_OUT = 32;
const PLACE = /^[\w.+-]{1,64} [\w-]{1,32} [\w.-]{1,64}$/;

/** Whether a call may be pulled there. It stands in a command, so it is looked at though it comes from the dialplan. */
export const isPlace = (text: string): boolean => PLACE.test(text);

/** The id of a task that would pull a call away soon, and its call; undefined for every other task, among them those of other people. */
export function fuseIn(event: EslEvent, wallMs: number): { id: string; uuid: string } | undefined {
  if (event.name !== "ADD_SCHEDULE" || event.get("Task-Desc") !== "switch_ivr_schedule_transfer") return undefined;
  // Somebody's own limit of an hour is none of ours.
  if (Number(event.get("Task-Runtime")) * 1000 - wallMs > (FUSE_S + 2) * 1000) return undefined;
  const id = event.get("Task-ID");
  return /^\d+$/.test(id) ? { id, uuid: event.get("Task-Group") } : undefined;
}

/**
 * The second line against a worker that hangs: FreeSWITCH pulls the call to the menu two seconds after the last sign of
 * life. It is renewed only while the event loop beats. A new fuse is lit before the old one is put out, in this order,
 * so that a call is never without.
 */
export class Deadman {
  readonly #options: DeadmanOptions;
  /** Burning fuses, oldest first. */
  readonly #fuses = new Set<string>();
  /** Put out: both connections tell of each fuse, in any order. */
  readonly #out = new Set<string>();
  #timer: Timer;
  readonly #settled = new Set<() => void>();
  /** Lit, and not told of yet. */
  #nameless = 0;
  /** By the clock's `now`. */
  #stoppedMs: number | undefined;
  #renewed = false;

  constructor(options: DeadmanOptions) {
    this.#options = options;
    for (const id of options.known) this.#fuses.add(id);
    this.#timer = options.clock.after(FIRST_MS, () => {
      this.#timer = options.clock.every(RENEW_MS, () => this.#renew());
      this.#renew();
    });
  }

  /** FreeSWITCH has told of a fuse of this call. All before it go out. */
  lit(id: string): void {
    if (this.#fuses.has(id) || this.#out.has(id)) return;
    const own = this.#nameless > 0;
    this.#nameless = Math.max(0, this.#nameless - 1);
    if (this.#stoppedMs !== undefined) {
      // Whoever has the call by now lights fuses of their own.
      if (own && this.#options.clock.now() - this.#stoppedMs < NAMED_MS) this.#putOut(id);
      if (this.#nameless === 0) for (const tell of [...this.#settled]) tell();
      return;
    }
    const older = [...this.#fuses];
    this.#fuses.add(id);
    for (const old of older) this.#putOut(old);
  }

  /** No more renewing. Returns the commands that put out what burns, as far as it is known. */
  stop(): string[] {
    this.#stoppedMs ??= this.#options.clock.now();
    this.#timer.cancel();
    const commands = [...this.#fuses].map((id) => `api sched_del ${id}`);
    for (const id of this.#fuses) this.#forget(id);
    return commands;
  }

  /** After `stop`: resolves when every fuse that was lit is out, or after a while. */
  settled(): Promise<void> {
    if (this.#nameless === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#settled.delete(done);
        resolve();
      };
      const timer = this.#options.clock.after(NAMED_MS, done);
      this.#settled.add(done);
    });
  }

  #renew(): void {
    const { place, connection } = this.#options;
    const light = `api ${whileLent(this.#options, `sched_transfer +${FUSE_S}`, ` ${place}`)}`;
    // The dialplan's own fuse was never told of: the call's tasks are all deleted, in one piece with the new one.
    const blind = !this.#renewed && this.#fuses.size === 0;
    this.#renewed = true;
    this.#nameless = Math.min(this.#nameless + 1, MAX_NAMELESS);
    const commands = blind ? [`api ${whileLent(this.#options, "sched_del")}`, light] : [light];
    // A connection that is gone has taken the call back to the dialplan.
    connection.together(commands).catch(() => {});
  }

  #putOut(id: string): void {
    this.#forget(id);
    this.#options.connection.command(`api sched_del ${id}`).catch(() => {});
  }

  #forget(id: string): void {
    this.#fuses.delete(id);
    this.#out.add(id);
    const [oldest] = this.#out;
    if (this.#out.size > MAX_OUT && oldest !== undefined) this.#out.delete(oldest);
  }
}
