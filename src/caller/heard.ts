/** A stretch of sound, by the arrival of its packets. `endMs` is the end of its last audible packet so far. */
export interface Spell {
  readonly startMs: number;
  readonly endMs: number;
  /** Silence has lasted long enough to call it an end. */
  readonly over: boolean;
}

export type HeardEdge = { readonly type: "sound" | "silence"; readonly atMs: number };

export interface HeardOptions {
  /** What is louder is sound. Comfort noise is at -60 dBov, telephone speech between -35 and -15. */
  readonly thresholdDbov?: number;
  /** So long must it be quiet before a spell is over: longer than the gaps between words. */
  readonly hangoverMs?: number;
  /** So many audible packets make a sound; one alone may be a click. */
  readonly onsetPackets?: number;
}

const MAX_SPELLS = 5_000;
/** Packets further apart than this are not one sound's beginning. */
const ONSET_GAP_MS = 70;

/** When the far end was audible: edges with the times of the packets that made them, and a way to wait for them. */
export class Heard {
  readonly thresholdDbov: number;
  readonly #hangoverMs: number;
  readonly #onsetPackets: number;
  readonly #spells: { startMs: number; endMs: number; over: boolean }[] = [];
  readonly #listeners = new Set<(edge: HeardEdge) => void>();
  readonly #waiters = new Set<(nowMs: number) => void>();
  #onset = { count: 0, startMs: 0, lastMs: Number.NEGATIVE_INFINITY };
  #nowMs = Number.NEGATIVE_INFINITY;

  constructor({ thresholdDbov = -45, hangoverMs = 300, onsetPackets = 2 }: HeardOptions = {}) {
    this.thresholdDbov = thresholdDbov;
    this.#hangoverMs = hangoverMs;
    this.#onsetPackets = onsetPackets;
  }

  /** All sounds of the call so far, oldest first (the latest 5,000). */
  get spells(): readonly Spell[] {
    return this.#spells;
  }

  /** The sound that goes on at this moment. */
  get current(): Spell | undefined {
    const last = this.#spells.at(-1);
    return last?.over === false ? last : undefined;
  }

  /** Edges as they are noticed: a sound after its second packet, a silence after the hang-over. Returns how to stop listening. */
  onEdge(listener: (edge: HeardEdge) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the first packet's time of the sound that goes on, or of the next one. `sinceMs`: only sounds that began later than this count. */
  async sound({ sinceMs, signal }: { sinceMs?: number; signal: AbortSignal }): Promise<number> {
    return await this.#when(signal, () => {
      if (sinceMs === undefined) return this.current?.startMs;
      return this.#spells.find((spell) => spell.startMs >= sinceMs)?.startMs;
    });
  }

  /** Resolves when nothing audible came for `ms`, with the end of the last sound (undefined when there was none yet). */
  async silence({ ms, signal }: { ms: number; signal: AbortSignal }): Promise<number | undefined> {
    let fromMs = this.#nowMs;
    const { endMs } = await this.#when(signal, (now) => {
      // A sound that is at its first packet is a reason to wait, too.
      if (fromMs === Number.NEGATIVE_INFINITY) fromMs = now;
      const quietSinceMs = Math.max(this.#spells.at(-1)?.endMs ?? fromMs, this.#onset.lastMs);
      return now - quietSinceMs >= ms ? { endMs: this.#spells.at(-1)?.endMs } : undefined;
    });
    return endMs;
  }

  /** Resolves when the sound that goes on has lasted `ms`, with its beginning. */
  async soundFor({ ms, sinceMs, signal }: { ms: number; sinceMs: number; signal: AbortSignal }): Promise<number> {
    return await this.#when(signal, () => {
      const current = this.current;
      if (current === undefined || current.startMs < sinceMs) return undefined;
      return current.endMs - current.startMs >= ms ? current.startMs : undefined;
    });
  }

  /** A packet of sound came. */
  packet({ atMs, levelDbov, durationMs }: { atMs: number; levelDbov: number; durationMs: number }): void {
    if (levelDbov > this.thresholdDbov) this.#audible(atMs, durationMs);
    this.tick(atMs);
  }

  /** Time passes, with or without packets. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    const last = this.#spells.at(-1);
    if (last && !last.over && nowMs - last.endMs >= this.#hangoverMs) {
      last.over = true;
      this.#tell({ type: "silence", atMs: last.endMs });
    }
    for (const waiter of this.#waiters) waiter(nowMs);
  }

  #audible(atMs: number, durationMs: number): void {
    const last = this.#spells.at(-1);
    if (last && !last.over && atMs - last.endMs < this.#hangoverMs) {
      last.endMs = Math.max(last.endMs, atMs + durationMs);
      return;
    }
    const goesOn = atMs - this.#onset.lastMs <= ONSET_GAP_MS;
    this.#onset = goesOn
      ? { ...this.#onset, count: this.#onset.count + 1, lastMs: atMs }
      : { count: 1, startMs: atMs, lastMs: atMs };
    if (this.#onset.count < this.#onsetPackets) return;
    if (last) last.over = true;
    if (this.#spells.length === MAX_SPELLS) this.#spells.shift();
    this.#spells.push({ startMs: this.#onset.startMs, endMs: atMs + durationMs, over: false });
    this.#tell({ type: "sound", atMs: this.#onset.startMs });
    this.#onset = { count: 0, startMs: 0, lastMs: Number.NEGATIVE_INFINITY };
  }

  #tell(edge: HeardEdge): void {
    for (const listener of this.#listeners) listener(edge);
  }

  #when<T>(signal: AbortSignal, test: (nowMs: number) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        stop();
        reject(signal.reason);
      };
      const waiter = (nowMs: number): void => {
        const result = test(nowMs);
        if (result === undefined) return;
        stop();
        resolve(result);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
      waiter(this.#nowMs);
    });
  }
}
