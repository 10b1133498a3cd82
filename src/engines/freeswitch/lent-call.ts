import type { Clock } from "../../base/clock.ts";
import { isCancellation } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Leg, Next } from "../../call/engine.ts";
import { handoverWords } from "../../call/handover.ts";
import type { RawRecording, RecordingStore } from "../../call/recording.ts";
import { parseRecordingWord, rawOf } from "../recording-word.ts";
import { readCaller } from "./caller.ts";
import { type ChannelEnd, LentChannel } from "./channel.ts";
import { Deadman, fuseIn, isPlace } from "./deadman.ts";
import { Keys, keysAreTones } from "./dtmf.ts";
import type { EslEvent } from "./esl/event.ts";
import type { OutboundCall } from "./esl/server.ts";
import { FreeswitchLeg } from "./leg.ts";
import type { Media } from "./media/port.ts";
import { freeswitchRecording } from "./recording.ts";
import { isPlainName, VARIABLE, variableIn } from "./variables.ts";
import { whileLent } from "./while-lent.ts";

export interface LentCallOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly media: Media;
  readonly recordings: RecordingStore | undefined;
  /** Which application hears keys in the sound. */
  readonly detector: "spandsp_start_dtmf" | "start_dtmf";
  /** Burning fuses of this call, as far as anybody has heard of them. */
  readonly fuses: Iterable<string>;
}

const CLOSED_MS = 500;
const DIGIT_TONE_MS = 120;

/** One call that FreeSWITCH has lent and that was confirmed: its leg, its dead-man's timer, and the way back. */
export class LentCall {
  readonly uuid: string;
  readonly ticket: string;
  /** What the dialplan records of it; it is reported when that has ended. */
  readonly raw: RawRecording | undefined;
  readonly #options: LentCallOptions;
  readonly #channel: LentChannel;
  readonly #deadman: Deadman | undefined;
  readonly #keys = new Keys();
  readonly #leg: FreeswitchLeg;
  /**
   * The end of a former host's connection takes the call from us, and the dialplan offers it once more. The end of ours would take it
   * from there in the same way: so it stays, and ends with the call.
   */
  readonly #mayBeOfferedAgain: boolean;
  /** That has happened. */
  #taken = false;

  constructor(call: OutboundCall, options: LentCallOptions) {
    const { uuid, data } = call;
    const { clock, log, recordings, fuses } = options;
    const caller = readCaller(data);
    const word = parseRecordingWord(variableIn(data, VARIABLE.recording));
    this.uuid = uuid;
    this.ticket = variableIn(data, VARIABLE.ticket);
    this.raw = word && rawOf(word);
    this.#mayBeOfferedAgain = variableIn(data, VARIABLE.former) === "connected";
    this.#options = options;
    this.#channel = new LentChannel(call, {
      rate: caller.rate,
      onEvent: (event) => this.#happened(event),
      onEnd: (end) => this.#ended(end),
    });
    const api = (command: string): Promise<string> => this.#channel.api(command);
    const place = variableIn(data, VARIABLE.deadman);
    const { ticket } = this;
    const { connection } = call;
    if (isPlace(place)) this.#deadman = new Deadman({ uuid, ticket, place, connection, clock, known: fuses });
    this.#leg = new FreeswitchLeg({
      id: uuid,
      caller,
      clock,
      recording: freeswitchRecording({ call: uuid, word, store: recordings, api, log }),
      open: () => this.#open(),
      release: (next) => this.#release(next),
      press: (digits) => this.#press(digits),
    });
  }

  /** Resolves when the call was given back or is gone. Never rejects. */
  async run(onLeg: (leg: Leg) => Promise<void>): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#channel.subscribe();
      if (keysAreTones(this.#channel.data)) await this.#channel.execute(this.#options.detector);
      if (!this.#channel.signal.aborted) await onLeg(this.#leg);
    } catch (error) {
      if (!isCancellation(error, this.#channel.signal) && !this.#leg.signal.aborted)
        log.error({ call: this.uuid, err: error }, "a call failed; it goes to the menu");
    } finally {
      await this.#leg.giveBack({ next: "menu", reason: "failure" });
    }
  }

  /** FreeSWITCH has told of a fuse of this call. */
  lit(id: string): void {
    this.#deadman?.lit(id);
  }

  /** The engine stops: the dialplan has the call when the connection is gone. */
  abandon(): void {
    this.#deadman?.stop();
    this.#leg.end("normal");
    this.#channel.leave();
    if (!this.#taken) this.#channel.connection.close();
  }

  /** It was offered again, to whoever has it now. */
  superseded(): void {
    this.#stays();
    this.abandon();
  }

  /** Somebody else has the call: whether our connection stays all the same. */
  #stays(): boolean {
    if (!this.#mayBeOfferedAgain) return false;
    this.#taken = true;
    this.#leg.untold = true;
    return true;
  }

  async #open() {
    const media = await this.#options.media.open(this.#channel);
    media.lost.then(
      (why) => this.#soundLost(why),
      () => {},
    );
    return media;
  }

  #soundLost(why: string): void {
    if (this.#leg.leaving || this.#leg.signal.aborted) return;
    this.#options.log.warn({ call: this.uuid, why }, "a call's sound is lost; it goes to the menu");
    // It never rejects.
    void this.#leg.giveBack({ next: "menu", reason: "media" });
  }

  async #press(digits: string): Promise<void> {
    await this.#channel.api(`uuid_send_dtmf ${this.uuid} ${digits}@${DIGIT_TONE_MS}`);
  }

  #happened(event: EslEvent): void {
    if (event.name === "DTMF") {
      const key = this.#keys.read(event);
      if (key) this.#leg.happened(key);
    } else if (event.name === "CHANNEL_HOLD") this.#leg.happened({ type: "held" });
    else if (event.name === "CHANNEL_UNHOLD") this.#leg.happened({ type: "resumed" });
    else {
      const fuse = fuseIn(event, this.#options.clock.wall());
      if (fuse) this.lit(fuse.id);
    }
  }

  #ended({ how, cause }: ChannelEnd): void {
    const { connection } = this.#channel;
    const fuses = this.#deadman?.stop() ?? [];
    if (how === "taken" && !this.#leg.leaving) {
      this.#options.log.info({ call: this.uuid }, "somebody has sent a lent call elsewhere; it is let go");
      // Left as they are, the fuse would pull the caller back, and the end of this connection would reset the channel.
      const commands = [...fuses, `api ${whileLent(this, "uuid_setvar", " socket_resume")}`];
      connection.together(commands).catch(() => {});
      // One that was lit a moment ago has no name yet.
      if (!this.#stays()) void (this.#deadman?.settled() ?? Promise.resolve()).then(() => connection.leave());
    } else if (how === "hungUp") connection.leave();
    if (!this.#leg.leaving || how === "hungUp") this.#leg.end(how === "lost" ? "failure" : cause);
  }

  /** Says what comes next, puts out the fuse, and leaves: in one piece, so that FreeSWITCH has all of it whatever becomes of us. */
  async #release(next: Next): Promise<void> {
    const { connection } = this.#channel;
    if (connection.closed.aborted || this.#channel.signal.aborted) return;
    const said = `api ${whileLent(this, "uuid_setvar_multi", ` ${variablesOf(next)}`)}`;
    const told = connection.together([said, ...(this.#deadman?.stop() ?? [])]).then(
      () => true,
      () => false,
    );
    connection.leave();
    await this.#closed();
    if (!(await told)) {
      // It may offer the call to another host, which is to know that it is over.
      this.#leg.untold = true;
      this.#options.log.warn(
        { call: this.uuid },
        "the dialplan could not be told what comes next; it goes to its menu",
      );
    }
    this.#channel.leave();
  }

  /** FreeSWITCH closes when it has read that we leave; one that does not is not waited for. */
  #closed(): Promise<void> {
    const { connection } = this.#channel;
    return new Promise((resolve) => {
      const late = this.#options.clock.after(CLOSED_MS, () => connection.close());
      const done = (): void => {
        late.cancel();
        resolve();
      };
      if (connection.closed.aborted) done();
      else connection.closed.addEventListener("abort", done, { once: true });
    });
  }
}

/** What comes next, as `uuid_setvar_multi` takes it. A name that is none goes to the menu: nothing of it may be an order of its own. */
export function variablesOf(next: Next): string {
  const wanted = next.next === "transfer" ? next.target : next.next;
  const why = next.next === "hangup" ? "" : (next.reason ?? "");
  const [name, reason] = isPlainName(wanted) ? [wanted, why.replace(/[^\w-]/g, "_").slice(0, 64)] : ["menu", "target"];
  const words = next.next === "transfer" && next.handover ? Object.entries(handoverWords(next.handover)) : [];
  // A value that is empty would be no assignment.
  const told = words.flatMap(([word, value]) => (value === "" ? [] : [`sidetone_${word}=${value}`]));
  return [`${VARIABLE.next}=${name}`, ...(reason === "" ? [] : [`${VARIABLE.reason}=${reason}`]), ...told].join(";");
}
