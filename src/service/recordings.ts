import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { CdrRecording } from "../call/cdr.ts";
import type { Leg } from "../call/engine.ts";
import type { RecordingConsent } from "../call/recording.ts";
import { RecordingFolder } from "../call/recording-folder.ts";
import type { Config } from "../config/config.ts";

interface RecordingsContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Below the recordings' folder: where the PBX writes. */
export const SPOOL = "incoming";

/** The folder of recordings, made where it is missing. A disk that refuses costs no call: it is said, and counted. */
export function openRecordings({ recording }: Config, { clock, log, metrics }: RecordingsContext): RecordingFolder {
  const { dir, path, mode, consent } = recording;
  const folder = new RecordingFolder({
    policy: { mode, consent, spool: join(dir, SPOOL) },
    dir,
    pattern: path,
    clock,
    log,
    count: (result) => metrics.recordings.inc({ result }),
  });
  if (mode !== "none")
    folder.prepare().catch((error: unknown) => {
      metrics.recordings.inc({ result: "failed" });
      log.error(
        { dir, reason: messageOf(error) },
        "the folder of the recordings could not be made; calls go on without",
      );
    });
  return folder;
}

const ON_RECORD: Readonly<Record<RecordingConsent, CdrRecording["consent"]>> = {
  none: "none",
  announced: "announced",
  given: "given",
  refused: "refused",
  // Whoever does not agree is not recorded: for the record that is a refusal.
  unanswered: "refused",
  untold: "none",
};

/** What a call's record says of its recording; null where nothing was to be recorded. */
export function recordingOnRecord({ recording }: Pick<Leg, "recording">): CdrRecording | null {
  if (!recording || (recording.path === null && recording.consent === "none")) return null;
  const { path, consent, pauses } = recording;
  return { path, consent: ON_RECORD[consent], pauses };
}
