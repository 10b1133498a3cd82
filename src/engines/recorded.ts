import type { RawRecording, RecordingStore } from "../call/recording.ts";

export interface RecordedOptions {
  readonly store: RecordingStore | undefined;
  /** The ids of all calls that the PBX has. */
  readonly living: () => Promise<ReadonlySet<string>>;
}

/** Calls of this worker that are recorded: until the PBX says that it has stopped, or the channel is gone. */
export class Recorded {
  readonly #options: RecordedOptions;
  readonly #calls = new Map<string, RawRecording>();

  constructor(options: RecordedOptions) {
    this.#options = options;
  }

  get calls(): string[] {
    return [...this.#calls.keys()];
  }

  add(call: string, raw: RawRecording): void {
    this.#calls.set(call, raw);
  }

  /** Its channel has gone while nobody listened: whoever sweeps finds the recording. */
  forget(call: string): void {
    this.#calls.delete(call);
  }

  /** `isIt`: where a channel may have other recordings, too. */
  finished(call: string, isIt: (raw: RawRecording) => boolean = () => true): void {
    const raw = this.#calls.get(call);
    if (!raw || !isIt(raw)) return;
    this.#options.store?.finished(raw);
    this.#calls.delete(call);
  }

  /** Looks for recordings of calls that have ended under a worker that has died. */
  sweep(): void {
    const { store, living } = this.#options;
    store?.sweep(living);
  }
}
