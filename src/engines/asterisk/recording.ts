import { codeOf, messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type {
  RawRecording,
  Recording,
  RecordingConsent,
  RecordingPolicy,
  RecordingStore,
} from "../../call/recording.ts";
import type { AmiClient } from "./ami.ts";
import type { AriClient } from "./ari.ts";

const VARIABLE = "SIDETONE_RECORDING";
const PAUSED = "paused";
const CONSENTS: readonly RecordingConsent[] = ["none", "announced", "given", "refused", "unanswered", "untold"];

/** What SIDETONE_RECORDING says of a call: `<consent>`, `<consent>/<seconds>-<id>`, or that and `/paused`. */
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
export class AsteriskRecording implements Recording {
  readonly consent: RecordingConsent;
  readonly path: string | null;
  readonly #options: AsteriskRecordingOptions;
  #depth: number;
  #pauses: number;

  constructor(options: AsteriskRecordingOptions) {
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
      await this.#mute(true);
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
      await this.#mute(false);
    } catch (error) {
      // What is missing of a recording is no harm to the caller.
      this.#options.log.warn({ call: this.#options.call, err: error }, "a recording could not be taken up again");
    }
  }

  async #mute(on: boolean): Promise<void> {
    const { ami, call } = this.#options;
    try {
      await ami.action("MixMonitorMute", { Channel: call, Direction: "both", State: on ? "1" : "0" });
    } catch (error) {
      // There is no caller any more, or nothing records this call: nothing is what shall be recorded.
      const nothing = /no such channel|cannot set mute flag/i.test(messageOf(error));
      if (!(codeOf(error) === "refused" && nothing)) throw error;
    }
  }

  /** For the worker that takes the call when this one has died. */
  async #remember(paused: boolean): Promise<void> {
    const { ami, call, word, log } = this.#options;
    if (word?.file === undefined) return;
    const text = [word.consent, word.file, ...(paused ? [PAUSED] : [])].join("/");
    await ami.setVariable(call, VARIABLE, text).catch((error: unknown) => {
      if (!/no such channel/i.test(messageOf(error)))
        log.warn({ call, err: error }, "that a recording is paused could not be noted");
    });
  }
}
