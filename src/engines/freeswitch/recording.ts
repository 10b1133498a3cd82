import { codeOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Recording, RecordingPolicy, RecordingStore } from "../../call/recording.ts";
import { DialplanRecording } from "../dialplan-recording.ts";
import type { RecordingWord } from "../recording-word.ts";
import { GLOBAL, VARIABLE } from "./variables.ts";

/** One API command; "-ERR" is rejected with code "refused". */
type Api = (command: string) => Promise<string>;

const RECORDER = "session_record";
// A quote in it would end the argument.
const NAMEABLE = /^[^\p{Cc}']{1,1024}$/u;

export interface FreeswitchRecordingOptions {
  readonly call: string;
  readonly word: RecordingWord | undefined;
  readonly store: RecordingStore | undefined;
  readonly api: Api;
  readonly log: Log;
}

/** A call's `uuid_record`. A pause masks all that record this channel, the PBX's own included: a card's number belongs into none of them. */
export function freeswitchRecording({ call, word, store, api, log }: FreeswitchRecordingOptions): Recording {
  return new DialplanRecording({
    call,
    word,
    store,
    log,
    async mute(on) {
      const files = recordersIn(await api(`uuid_buglist ${call}`));
      await Promise.all(files.map((file) => maskOne({ call, file, on, api })));
    },
    remember: async (text) => void (await api(`uuid_setvar ${call} ${VARIABLE.recording} ${text}`)),
  });
}

/** The files of all recordings out of a channel's list of media bugs. */
export function recordersIn(list: string): string[] {
  const bugs = list.matchAll(/<function>([^<]*)<\/function>\s*<target>([^<]*)<\/target>/g);
  return [...bugs].flatMap(([, name, target = ""]) => (name === RECORDER ? [target] : []));
}

async function maskOne({ call, file, on, api }: { call: string; file: string; on: boolean; api: Api }): Promise<void> {
  if (!NAMEABLE.test(file))
    throw new OutsideError("refused", "A recording has a name that cannot be said in a command.");
  try {
    await api(`uuid_record ${call} ${on ? "mask" : "unmask"} '${file}'`);
  } catch (error) {
    // One that has ended in the meantime records nothing. One that goes on and cannot be masked is a fault.
    if (codeOf(error) !== "refused" || recordersIn(await api(`uuid_buglist ${call}`)).includes(file)) throw error;
  }
}

/** Tells the dialplan what to record from now on. It stands there when Sidetone is gone, and does nothing: a call is lent before it is recorded. */
export async function tellPolicy(api: Api, { policy, log }: { policy: RecordingPolicy; log: Log }): Promise<void> {
  // A dollar, a comma or a bracket in it would be one of the dialplan's.
  const plain = /^[A-Za-z0-9 ._/-]+$/.test(policy.spool);
  if (!plain && policy.mode !== "none")
    log.error({ spool: policy.spool }, "nothing is recorded: set recording.dir to a folder with a plain name");
  await Promise.all([
    api(`global_setvar ${GLOBAL.recordMode}=${plain ? policy.mode : "none"}`),
    api(`global_setvar ${GLOBAL.recordConsent}=${policy.consent}`),
    api(`global_setvar ${GLOBAL.recordDir}=${plain ? policy.spool : ""}`),
  ]);
}
