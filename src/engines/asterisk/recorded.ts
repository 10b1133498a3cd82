import type { RawRecording, RecordingStore } from "../../call/recording.ts";
import type { AriClient } from "./ari.ts";
import { livingCalls } from "./waiting.ts";

/** Calls of this worker that are recorded: until the dialplan says that it has stopped, or the channel is gone. */
export class Recorded {
  readonly #calls = new Map<string, RawRecording>();
  readonly #store: RecordingStore | undefined;
  readonly #ari: Pick<AriClient, "request">;

  constructor({ store, ari }: { store: RecordingStore | undefined; ari: Pick<AriClient, "request"> }) {
    this.#store = store;
    this.#ari = ari;
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

  finished(call: string): void {
    const raw = this.#calls.get(call);
    if (raw) this.#store?.finished(raw);
    this.#calls.delete(call);
  }

  /** Looks for recordings of calls that have ended under a worker that has died. */
  sweep(): void {
    this.#store?.sweep(() => livingCalls(this.#ari));
  }
}
