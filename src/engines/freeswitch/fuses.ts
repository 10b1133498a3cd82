const MAX_CALLS = 2000;

/** Fuses that the dialplan has lit for calls which are not lent yet: their ids come before the calls do. Those of calls that never come are forgotten, oldest first. */
export class Fuses {
  readonly #calls = new Map<string, Set<string>>();

  lit({ uuid, id }: { uuid: string; id: string }): void {
    const ids = this.#calls.get(uuid) ?? new Set();
    ids.add(id);
    this.#calls.delete(uuid);
    this.#calls.set(uuid, ids);
    if (this.#calls.size <= MAX_CALLS) return;
    const [oldest] = this.#calls.keys();
    if (oldest !== undefined) this.#calls.delete(oldest);
  }

  /** Those of a call, which is lent now. */
  take(uuid: string): ReadonlySet<string> {
    const ids = this.#calls.get(uuid) ?? new Set();
    this.#calls.delete(uuid);
    return ids;
  }
}
