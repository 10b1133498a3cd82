import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Recording, RecordingConsent, RecordingStore } from "../call/recording.ts";
import { type RecordingWord, rawOf, textOf } from "./recording-word.ts";

export interface DialplanRecordingOptions {
  readonly call: string;
  readonly word: RecordingWord | undefined;
  readonly store: RecordingStore | undefined;
  readonly log: Log;
  /** Silences whatever records this call, or takes that back. Rejects when the PBX could not be told. A call that is gone, or that nothing records, is no fault. */
  readonly mute: (on: boolean) => Promise<void>;
  /** Leaves the word with the call, for the worker that takes it when this one has died. */
  readonly remember: (text: string) => Promise<void>;
}

/** A recording that the dialplan has begun, and its pauses, which may be nested. */
export class DialplanRecording implements Recording {
  readonly consent: RecordingConsent;
  readonly path: string | null;
  readonly #options: DialplanRecordingOptions;
  #depth: number;
  #pauses: number;

  constructor(options: DialplanRecordingOptions) {
    const { word, store } = options;
    const raw = word && rawOf(word);
    this.#options = options;
    this.consent = word?.consent ?? "none";
    this.path = raw && store ? store.pathOf(raw) : null;
    // A worker that died in a protected passage has left it paused, and so it stays until somebody takes it back.
    this.#depth = word?.paused ? 1 : 0;
    this.#pauses = this.#depth;
  }

  get paused(): boolean {
    return this.#depth > 0;
  }

  get pauses(): number {
    return this.#pauses;
  }

  async pause(): Promise<void> {
    // Counted before anybody is asked, so that another's resume in the meantime does not undo it.
    const first = this.#depth++ === 0;
    try {
      // Each pause makes sure of it: who asks may not take another's word.
      await this.#options.mute(true);
    } catch (error) {
      this.#depth--;
      throw error;
    }
    if (!first) return;
    this.#pauses++;
    await this.#remember(true);
  }

  async resume(): Promise<void> {
    if (this.#depth === 0) return;
    this.#depth--;
    if (this.#depth > 0) return;
    try {
      await this.#remember(false);
      await this.#options.mute(false);
    } catch (error) {
      // What is missing of a recording is no harm to the caller.
      this.#options.log.warn({ call: this.#options.call, err: error }, "a recording could not be taken up again");
    }
  }

  async #remember(paused: boolean): Promise<void> {
    const { call, word, log, remember } = this.#options;
    if (word?.file === undefined) return;
    await remember(textOf({ ...word, paused })).catch((error: unknown) => {
      if (!/no such channel/i.test(messageOf(error)))
        log.warn({ call, err: error }, "that a recording is paused could not be noted");
    });
  }
}
