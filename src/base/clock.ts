export interface Timer {
  cancel(): void;
}

/** Where time comes from. Everything that waits takes one, so that whole calls run in virtual time in tests. */
export interface Clock {
  /** Monotonic milliseconds, from an arbitrary start. */
  now(): number;
  /** Milliseconds since 1970, for records and for people. May jump. */
  wall(): number;
  after(ms: number, run: () => void): Timer;
  every(ms: number, run: () => void): Timer;
  /** Resolves after `ms`; rejects with the signal's reason when that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
