import type { Cdr } from "../../call/cdr.ts";
import type { TurnLatency } from "../../conversation/turn.ts";
import type { DemoRecording } from "./aftermath.ts";

/** One exchange as the demo saw it. Times marked "at the line" were taken from the caller's RTP packets. */
export interface DemoTurn {
  readonly caller: string;
  readonly agent: string;
  readonly heardMs: number;
  /** The words of it that the caller heard, which is what the agent knows of it. */
  readonly heard: string;
  readonly interrupted: boolean;
  /** The service's own stages, and `atCallerMs`: the caller's last speech packet to the agent's first, at the line. */
  readonly latencyMs: TurnLatency & { readonly atCallerMs?: number };
}

export interface DemoFailover {
  /** From the SIGKILL to the menu's first sound, at the line. */
  readonly killMs: number | null;
  /** The menu's own prompt was recognised in what the caller heard. */
  readonly menu: boolean;
  /** The support phone answered, and its voice reached the caller. */
  readonly connected: boolean;
}

/** What `sidetone demo --json` prints. */
export interface DemoResult {
  readonly ok: boolean;
  readonly turns: readonly DemoTurn[];
  /** From the caller's first speech packet to the agent's last audible one, at the line. */
  readonly bargeInMs: number | null;
  readonly transfer: boolean;
  readonly failover: DemoFailover;
  /** The first call's, by the PBX; null where there is none. */
  readonly recording: DemoRecording | null;
  /** The first call's record. */
  readonly cdr: Cdr | null;
}

/** One thing that must have happened for the demo to succeed. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
}
