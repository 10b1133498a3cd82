import type { RawRecording, RecordingConsent } from "../call/recording.ts";

const PAUSED = "paused";
const CONSENTS: readonly RecordingConsent[] = ["none", "announced", "given", "refused", "unanswered", "untold"];

/** What a dialplan says of a call's recording, in SIDETONE_RECORDING or sidetone_recording: `<consent>`, `<consent>/<seconds>-<id>`, or that and `/paused`. */
export interface RecordingWord {
  readonly consent: RecordingConsent;
  /** The files' name, without side and format. */
  readonly file: string | undefined;
  readonly paused: boolean;
}

/** Undefined: nothing of the kind, as where nothing is to be recorded. */
export function parseRecordingWord(text: string): RecordingWord | undefined {
  const [said, file, paused] = text.split("/");
  const consent = CONSENTS.find((known) => known === said);
  return consent && { consent, file: file || undefined, paused: paused === PAUSED };
}

export function rawOf({ file = "" }: RecordingWord): RawRecording | undefined {
  const [, seconds, call] = /^(\d{9,11})-(.+)$/.exec(file) ?? [];
  return seconds === undefined || call === undefined ? undefined : { call, startedEpochSeconds: Number(seconds) };
}

export const textOf = ({ consent, file, paused }: RecordingWord): string =>
  [consent, ...(file === undefined ? [] : [file]), ...(paused ? [PAUSED] : [])].join("/");
