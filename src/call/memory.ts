/** One thing that was noted of a caller, and when: ISO 8601. */
export interface Remembered {
  readonly text: string;
  readonly at: string;
}

/** What was noted in earlier calls, by the caller's number in its one form (see number.ts). */
export interface MemoryStore {
  /** The latest last. Never rejects: what cannot be read is not known. */
  recall(number: string): Promise<readonly Remembered[]>;
  /** Returns at once; the disk has it in a moment. */
  remember(number: string, note: { readonly agent: string; readonly text: string }): void;
}

/** A number has no more notes than this: the oldest go. */
export const NOTES_MAX = 20;
export const NOTE_MAX = 300;
