import type { TurnLatency } from "../../conversation/turn.ts";

/** One exchange as the demo saw it. Times marked "at the line" were taken from the caller's RTP packets. */
export interface DemoTurn {
  readonly caller: string;
  readonly agent: string;
  readonly heardMs: number;
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
  readonly recording: null;
  readonly cdr: null;
}

/** One thing that must have happened for the demo to succeed. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
}
