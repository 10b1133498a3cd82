/**
 * What the caller was told of the recording, and said to it. `refused`: pressed another key than the one that agrees.
 * `unanswered`: pressed none. `untold`: the prompt could not be played. In these three nothing is recorded.
 */
export type RecordingConsent = "none" | "announced" | "given" | "refused" | "unanswered" | "untold";

/** One call's recording. The PBX makes it, so that it goes on whatever becomes of us. */
export interface Recording {
  readonly consent: RecordingConsent;
  /** Absolute: where the WAV file will be once the recording has ended (stereo: caller left, agent right). Null: nothing is recorded. */
  readonly path: string | null;
  readonly paused: boolean;
  /** How many passages were left out. */
  readonly pauses: number;
  /**
   * From when it resolves nothing of either side is recorded; the time line is kept by silence. It rejects when the PBX
   * could not be told: what must not be recorded must not be said then. Pauses may be nested. One that is not taken back
   * outlives us.
   */
  pause(): Promise<void>;
  /** Takes back one pause; with the last of them recording goes on. */
  resume(): Promise<void>;
}

/** What is to be recorded, for the engines to tell their PBX. */
export interface RecordingPolicy {
  /** `agent`: while the agent has the call. `call`: to the end of the call, whoever has it. */
  readonly mode: "none" | "agent" | "call";
  readonly consent: "none" | "announce" | "ask";
  /** Where the PBX leaves what it has recorded. Absolute. */
  readonly spool: string;
}

/** A recording as the PBX has begun it. */
export interface RawRecording {
  readonly call: string;
  readonly startedEpochSeconds: number;
}

/** Where recordings become files of ours. The methods return at once, and what they start never rejects. */
export interface RecordingStore {
  readonly policy: RecordingPolicy;
  /** Where this recording's WAV file will be. Absolute. */
  pathOf(raw: RawRecording): string;
  /** The PBX has ended this recording. */
  finished(raw: RawRecording): void;
  /**
   * Looks for what somebody left behind. `living` is asked after the looking, so that a call which it does not name is
   * over: the ids of all calls that the PBX has.
   */
  sweep(living: () => Promise<ReadonlySet<string>>): void;
}

/** Runs something of which nothing may be recorded: a card's number, a password. */
export async function unrecorded<T>(recording: Recording | undefined, run: () => Promise<T>): Promise<T> {
  await recording?.pause();
  try {
    return await run();
  } finally {
    await recording?.resume();
  }
}
