import type { MediaStream } from "../audio/stream.ts";
import type { Handover, Returned, TransferResult } from "./handover.ts";
import type { Recording } from "./recording.ts";

export type HangupCause = "normal" | "busy" | "rejected" | "noAnswer" | "notFound" | "congestion" | "failure";

/** What the dialplan does when it has the call back. Targets are names from the config, never what a model made up. */
export type Next =
  | { next: "menu"; reason: string }
  | {
      next: "transfer";
      target: string;
      /** Why it goes there, where no caller has asked for it. */
      reason?: string;
      /** How it is to be done; absent: the dialplan rings the target, and the menu follows. */
      handover?: Handover;
      /** What became of it, once the dialplan has said so. */
      result?: TransferResult;
    }
  | { next: "hangup" };

export type LegEvent = { type: "dtmf"; digit: string; durationMs: number } | { type: "held" } | { type: "resumed" };

/** One call that the dialplan has lent to us. */
export interface Leg {
  /** The PBX's own id of the caller's channel. */
  readonly id: string;
  readonly direction: "inbound" | "outbound";
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly did: string;
  readonly diversion: string;
  readonly trunk: string;
  readonly language: string;
  /** The agent that the dialplan asks for by name; empty: the default one. */
  readonly agent: string;
  /** The caller's negotiated codec as the PBX names it, e.g. "ulaw". */
  readonly codec: string;
  /** 1 when the dialplan offers the call for the first time, 2 when a controller died with it. */
  readonly attempt: number;
  /**
   * Nobody died with the call a second time: the connection of a host that had been cut off ended only now, and took it from whoever had
   * it. So this is a third offer, and the last.
   */
  readonly shaken?: boolean;
  /** Whom the call was given to before, and why it is back; absent: it comes from elsewhere. */
  readonly returned?: Returned;
  /** Aborted when the leg is gone or was given back; `reason` is a HangupCause. */
  readonly signal: AbortSignal;
  /** Bounded: a reader that is not there loses the oldest. Ends with the leg. */
  readonly events: AsyncIterable<LegEvent>;
  /** At the caller's own rate. Rejects when the media cannot be had; the dialplan then has the call by itself. Once per leg. */
  openMedia(): Promise<MediaStream>;
  /** What the PBX records of this call; undefined where it cannot be asked. Without a recording its pause still stops the PBX's own ones. */
  readonly recording?: Recording;
  /** Digits out, to the far end: 0-9, *, #, A-D. */
  sendDtmf(digits: string): Promise<void>;
  /** Tells the dialplan what comes next and returns the call to it. A leg that is gone takes this quietly. May be called twice; the first counts. */
  giveBack(next: Next): Promise<void>;
  /** The PBX did not take the word on what comes next: its dialplan may offer the call once more, to whoever is up. */
  readonly untold?: boolean;
}

/** `refused`: the PBX answers, and will go on refusing until somebody changes something (wrong password, missing module). */
export interface EngineHealth {
  readonly state: "connecting" | "connected" | "refused";
  /** One sentence for the administrator: what is wrong and what to do. Empty when connected. */
  readonly detail: string;
}

export interface Engine {
  readonly name: string;
  readonly health: EngineHealth;
  /** Stays connected until `signal` aborts (then gives back nothing by itself), calling `onLeg` once for every lent call. Never rejects for what the PBX does. */
  run(onLeg: (leg: Leg) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** From now on, refuse new calls at once (the dialplan takes them to the menu); running ones go on. */
  drain(): void;
}
