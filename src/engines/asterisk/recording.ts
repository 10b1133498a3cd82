import { codeOf, messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Recording, RecordingPolicy, RecordingStore } from "../../call/recording.ts";
import { DialplanRecording } from "../dialplan-recording.ts";
import type { RecordingWord } from "../recording-word.ts";
import type { AmiClient } from "./ami.ts";
import type { AriClient } from "./ari.ts";

const VARIABLE = "SIDETONE_RECORDING";

/** Tells the dialplan what to record from now on. It stands there when Sidetone is gone, and does nothing: a call is lent before it is recorded. */
export async function tellPolicy(
  ari: Pick<AriClient, "setGlobal">,
  { policy, log }: { policy: RecordingPolicy; log: Log },
): Promise<void> {
  // A comma or a bracket in it would be one of the dialplan's.
  const plain = /^[A-Za-z0-9 ._/-]+$/.test(policy.spool);
  if (!plain && policy.mode !== "none")
    log.error({ spool: policy.spool }, "nothing is recorded: set recording.dir to a folder with a plain name");
  await Promise.all([
    ari.setGlobal("SIDETONE_RECORD_MODE", plain ? policy.mode : "none"),
    ari.setGlobal("SIDETONE_RECORD_CONSENT", policy.consent),
    ari.setGlobal("SIDETONE_RECORD_DIR", plain ? policy.spool : ""),
  ]);
}

export interface AsteriskRecordingOptions {
  readonly call: string;
  readonly word: RecordingWord | undefined;
  readonly store: RecordingStore | undefined;
  readonly ami: Pick<AmiClient, "action" | "setVariable">;
  readonly log: Log;
}

/** A call's MixMonitor. A pause silences all of that channel's, the PBX's own included: a card's number belongs into none of them. */
export function asteriskRecording({ call, word, store, ami, log }: AsteriskRecordingOptions): Recording {
  return new DialplanRecording({
    call,
    word,
    store,
    log,
    async mute(on) {
      try {
        await ami.action("MixMonitorMute", { Channel: call, Direction: "both", State: on ? "1" : "0" });
      } catch (error) {
        // There is no caller any more, or nothing records this call: nothing is what shall be recorded.
        const nothing = /no such channel|cannot set mute flag/i.test(messageOf(error));
        if (!(codeOf(error) === "refused" && nothing)) throw error;
      }
    },
    remember: (text) => ami.setVariable(call, VARIABLE, text),
  });
}
