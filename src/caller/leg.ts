import { Invitation, Inviter, type Session, SessionState } from "sip.js";
import type { Frame } from "../audio/frame.ts";
import type { Clock } from "../base/clock.ts";
import { OutsideError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type CallCause, type CallEnd, callError, causeOf } from "./causes.ts";
import type { CodecName } from "./codec.ts";
import { within } from "./deadline.ts";
import type { Heard } from "./heard.ts";
import { inbandDigits } from "./inband.ts";
import type { MediaHandler } from "./media-handler.ts";
import { createNoise, type NoiseKind } from "./noise.ts";
import type { PacketLog } from "./packet-log.ts";
import type { ReceivedDigit } from "./receiver.ts";
import type { Recording } from "./recording.ts";
import type { RtpSession } from "./rtp-session.ts";
import type { Direction } from "./sdp.ts";
import type { Pressed } from "./sender.ts";
import { framesOf, type Said, type Sound } from "./speech.ts";

export type PressMethod = "rfc4733" | "info" | "inband";

export interface PressOptions {
  readonly method?: PressMethod;
  readonly toneMs?: number;
  readonly gapMs?: number;
}

/** Times by the call's clock, in ms. */
export interface CallTimes {
  readonly startMs: number;
  ringingMs: number | undefined;
  answeredMs: number | undefined;
}

export interface LegDeps {
  readonly session: Inviter | Invitation;
  readonly handler: MediaHandler;
  readonly rtp: RtpSession;
  readonly clock: Clock;
  readonly log: Log;
  /** The other side, as a person would name it. */
  readonly peer: string;
  readonly answerMs: number;
  readonly maxCallMs: number;
}

const REINVITE_MS = 5_000;
const GOODBYE_MS = 2_000;

/** One call of the simulated caller, from INVITE to BYE. All times are the call's clock's. */
export class CallLeg {
  readonly direction: "outbound" | "inbound";
  readonly peer: string;
  readonly times: CallTimes;
  /** Resolves when the call is answered; rejects with an OutsideError (a CallCause its code) when it never is. */
  readonly answered: Promise<void>;
  /** Resolves once, and never rejects. */
  readonly ended: Promise<CallEnd>;
  readonly #deps: LegDeps;
  readonly #gone = new AbortController();
  #answer: { resolve(): void; reject(error: unknown): void };
  #end: (end: CallEnd) => void;
  #cause: Partial<CallEnd> = {};

  constructor(deps: LegDeps) {
    this.#deps = deps;
    this.direction = deps.session instanceof Inviter ? "outbound" : "inbound";
    this.peer = deps.peer;
    this.times = { startMs: deps.clock.now(), ringingMs: undefined, answeredMs: undefined };
    const answered = Promise.withResolvers<void>();
    this.answered = answered.promise;
    this.#answer = answered;
    // Who only looks at `ended` need not handle the same news twice.
    this.answered.catch(() => {});
    const ended = Promise.withResolvers<CallEnd>();
    this.ended = ended.promise;
    this.#end = ended.resolve;
    this.#watch(deps.session);
    const limit = deps.clock.after(deps.maxCallMs, () => void this.hangUp());
    void this.ended.then(() => limit.cancel());
  }

  /** Aborted when the call is over (an OutsideError "ended"); `ended` tells why. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The SIP Call-ID. */
  get callId(): string {
    const { request } = this.#deps.session;
    return request.callId;
  }

  /** What the two sides agreed on; undefined before there is sound. */
  get codec(): CodecName | undefined {
    return this.#deps.rtp.codec?.name;
  }

  get log(): PacketLog {
    return this.#deps.rtp.log;
  }

  /** When the far end was audible. */
  get heard(): Heard {
    return this.#deps.rtp.heard;
  }

  /** What was heard and what was said, on one time line. */
  get recordings(): { readonly received: Recording; readonly sent: Recording } {
    return { received: this.#deps.rtp.receivedRecording, sent: this.#deps.rtp.sentRecording };
  }

  /** Keys that the far end pressed. */
  get digits(): readonly ReceivedDigit[] {
    return this.#deps.rtp.receiver.digits;
  }

  /** Packets that came twice or too late, that were no RTP of the agreed kind, that strangers sent, that could not be sent. */
  get faults(): { late: number; refused: number; strangers: number; unsent: number } {
    const { receiver, faults } = this.#deps.rtp;
    return { late: receiver.late, refused: receiver.refused, ...faults };
  }

  /** Packets that a poor network lost, where the call was given one. */
  get lost(): { sent: number; received: number } {
    return this.#deps.rtp.lost;
  }

  get heldByThem(): boolean {
    return this.#deps.handler.heldByThem;
  }

  nowMs(): number {
    return this.#deps.clock.now();
  }

  /** The far end's sound in order, 20 ms at a time; silence where nothing comes. Copy what you keep. Returns how to stop. */
  onFrame(listener: (frame: Frame) => void): () => void {
    return this.#deps.rtp.receiver.onFrame(listener);
  }

  /** Speaks (8,000 samples a second), after what is being said. Resolves when the last packet has been played, or the signal has cut it short. */
  say(sound: Sound, { signal }: { signal?: AbortSignal } = {}): Promise<Said> {
    return this.#deps.rtp.sender.say(sound, signal);
  }

  stopSaying(): void {
    this.#deps.rtp.sender.stopSaying();
  }

  /** A sound that lies under everything from now on; undefined takes it away. */
  noise(noise: { kind: NoiseKind; levelDbov: number } | undefined): void {
    this.#deps.rtp.sender.noise = noise && createNoise(noise);
  }

  /** Presses keys one after the other. Resolves with the times at which they were down. */
  async press(digits: string, options: PressOptions = {}): Promise<readonly Pressed[]> {
    const { toneMs = 160, gapMs = 80 } = options;
    const method: PressMethod = options.method ?? "rfc4733";
    if (!/^[0-9*#A-D]{1,100}$/i.test(digits)) {
      throw new OutsideError("digits", `"${digits.slice(0, 110)}" cannot be pressed: 1 to 100 of 0-9, *, #, A-D can`);
    }
    switch (method) {
      case "rfc4733": {
        const pressed = this.#deps.rtp.sender.press(digits, { toneMs, gapMs });
        if (pressed) return await pressed;
        throw new OutsideError(
          "digits",
          `${this.peer} takes no RFC 4733 keys (no telephone-event in its SDP): use info or inband`,
        );
      }
      case "info":
        return await this.#pressByInfo(digits, { toneMs, gapMs });
      case "inband":
        return await inbandDigits(digits, { toneMs, gapMs }, (pcm) => this.say(framesOf(pcm)));
    }
  }

  /** Puts the far end on hold (a=sendonly), and takes it back. */
  async hold(): Promise<void> {
    await this.#reinvite("sendonly");
  }

  async unhold(): Promise<void> {
    await this.#reinvite("sendrecv");
  }

  /** Gives the far end to whom another call of this phone's is with (REFER with Replaces, RFC 5589). Resolves when the PBX has agreed to try. */
  async transferTo(other: CallLeg): Promise<void> {
    const { session, clock } = this.#deps;
    const target = other.#deps.session;
    const late = (): Error => new OutsideError("noAnswer", `${this.peer} did not answer the REFER`);
    await within({ clock, ms: REINVITE_MS, signal: this.signal, late }, () => refer(session, target, this.peer));
  }

  /** BYE, CANCEL or a refusal, whatever the call has come to. Resolves when it is over; at the latest 2 s later. May be called twice. */
  async hangUp(): Promise<CallEnd> {
    this.#cause = { by: "us", cause: this.times.answeredMs === undefined ? "cancelled" : "normal", ...this.#cause };
    const { clock, session } = this.#deps;
    const late = (): Error => new OutsideError("unreachable", "the PBX did not take the hang-up");
    await within({ clock, ms: GOODBYE_MS, late }, () => this.#goodbye(session)).catch(() =>
      this.end({ by: "network" }),
    );
    return await this.ended;
  }

  /** The connection is gone, or the far end does not react: the call is over for us. */
  end(cause: Partial<CallEnd>): void {
    if (this.#gone.signal.aborted) return;
    this.#cause = { ...this.#cause, ...cause };
    this.#over();
  }

  async #goodbye(session: Session): Promise<void> {
    switch (session.state) {
      case SessionState.Initial:
      case SessionState.Establishing:
        if (session instanceof Inviter) await session.cancel();
        else if (session instanceof Invitation) await session.reject({ statusCode: 486 });
        break;
      case SessionState.Established:
        await new Promise<void>((resolve, reject) => {
          const done = (): void => resolve();
          session.bye({ requestDelegate: { onAccept: done, onReject: done } }).catch(reject);
        });
        break;
      case SessionState.Terminating:
      case SessionState.Terminated:
        break;
    }
    await this.ended;
  }

  #watch(session: Inviter | Invitation): void {
    session.delegate = {
      onBye: (bye) => {
        const asterisk = bye.request.getHeader("X-Asterisk-HangupCause");
        this.#cause = { by: "them", reason: asterisk ?? bye.request.getHeader("Reason") ?? "", ...this.#cause };
        bye.accept().catch((error: unknown) => this.#deps.log.warn({ err: error }, "a BYE could not be answered"));
      },
      onCancel: () => {
        this.#cause = { by: "them", cause: "cancelled", ...this.#cause };
      },
      onInfo: (info) => {
        const [, digit] = /^\s*Signal\s*=\s*([0-9*#A-D])/im.exec(info.request.body) ?? [];
        if (digit !== undefined) this.#deps.rtp.receiver.digits.push({ digit, atMs: this.nowMs(), durationMs: 0 });
        info.accept().catch((error: unknown) => this.#deps.log.warn({ err: error }, "an INFO could not be answered"));
      },
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.#established();
      // sip.js tells why only after it has told that: the reason is there in the next microtask.
      if (state === SessionState.Terminated) queueMicrotask(() => this.#over());
    });
  }

  /** Sends the INVITE. Everything after that is told by `answered` and `ended`. */
  async invite(): Promise<void> {
    const { session, clock, answerMs } = this.#deps;
    if (!(session instanceof Inviter)) return;
    const patience = clock.after(answerMs, () => {
      this.#cause = { by: "us", cause: "noAnswer", reason: `no answer within ${answerMs} ms`, ...this.#cause };
      void this.hangUp();
    });
    const rest = (): void => patience.cancel();
    this.answered.then(rest, rest);
    await session.invite({
      requestDelegate: {
        onProgress: ({ message }) => {
          if ((message.statusCode ?? 0) > 100) this.times.ringingMs ??= clock.now();
        },
        onReject: ({ message }) => this.#refused(message.statusCode ?? 0, message.reasonPhrase ?? ""),
        onRedirect: ({ message }) => this.#refused(message.statusCode ?? 0, message.reasonPhrase ?? ""),
      },
    });
  }

  #refused(status: number, reason: string): void {
    // The refusal of what we took back ourselves (487) says nothing new.
    if (this.#cause.by === "us") return;
    this.#cause = { by: "them", cause: causeOf(status), status, reason };
  }

  #established(): void {
    this.times.answeredMs ??= this.#deps.clock.now();
    this.#answer.resolve();
  }

  #over(): void {
    if (this.#gone.signal.aborted) return;
    const { rtp, handler, clock } = this.#deps;
    rtp.close();
    const fault: { cause?: CallCause; reason?: string } = handler.fault
      ? { cause: "notAcceptable", reason: handler.fault }
      : {};
    const usual = { by: "them", cause: "normal", status: undefined, reason: "" } as const;
    const end: CallEnd = { ...usual, ...fault, ...this.#cause, atMs: clock.now() };
    if (this.times.answeredMs === undefined) this.#answer.reject(callError(this.peer, end));
    this.#end(end);
    this.#gone.abort(new OutsideError("ended", `the call with ${this.peer} is over`));
  }

  async #reinvite(direction: Direction): Promise<void> {
    const { session, handler, clock } = this.#deps;
    if (session.state !== SessionState.Established)
      throw new OutsideError("state", `the call with ${this.peer} is not up`);
    const before = handler.wanted;
    handler.want(direction);
    const late = (): Error =>
      new OutsideError("noAnswer", `${this.peer} did not answer the re-INVITE within ${REINVITE_MS} ms`);
    try {
      await within({ clock, ms: REINVITE_MS, signal: this.signal, late }, () => this.#offer(session));
    } catch (error) {
      handler.want(before);
      throw error;
    }
  }

  #offer(session: Session): Promise<void> {
    return new Promise((resolve, reject) => {
      const onReject = ({
        message,
      }: {
        message: { statusCode?: number | undefined; reasonPhrase?: string | undefined };
      }): void => {
        const { statusCode: status, reasonPhrase: reason = "" } = message;
        reject(callError(`the re-INVITE to ${this.peer}`, { cause: "rejected", status, reason }));
      };
      session.invite({ requestDelegate: { onAccept: () => resolve(), onReject } }).catch(reject);
    });
  }

  async #pressByInfo(digits: string, { toneMs, gapMs }: { toneMs: number; gapMs: number }): Promise<Pressed[]> {
    const { session, clock } = this.#deps;
    const pressed: Pressed[] = [];
    for (const digit of digits) {
      const startMs = clock.now();
      const content = `Signal=${digit}\r\nDuration=${toneMs}\r\n`;
      const body = { contentDisposition: "render", contentType: "application/dtmf-relay", content };
      await session.info({ requestOptions: { body } });
      pressed.push({ digit, startMs, endMs: startMs + toneMs });
      // A menu may hang up on the last key.
      await clock.sleep(toneMs + gapMs, this.signal).catch(() => {});
      if (this.signal.aborted) break;
    }
    return pressed;
  }
}

function refer(session: Session, target: Session, peer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onReject = ({ message }: { message: { statusCode?: number | undefined } }): void =>
      reject(callError(`the transfer by ${peer}`, { cause: "rejected", status: message.statusCode, reason: "" }));
    session.refer(target, { requestDelegate: { onAccept: () => resolve(), onReject } }).catch(reject);
  });
}
