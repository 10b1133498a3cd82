/** What the bench tells the process that plays Asterisk and its callers. */
export interface LoadOrder {
  readonly calls: number;
  /** New calls a second. */
  readonly arrivals: number;
  /** How long is measured, from when all calls are up and have had their first turn. */
  readonly measureMs: number;
  /** For a try-out: it is measured from when all calls have heard their agent, and not from their first answer on. */
  readonly atOnce?: boolean;
  /** What passes between the caller's last speech frame and the agent's first without any work of ours. */
  readonly expectedMs: number;
  readonly to: string;
  readonly wideband: boolean;
}

export interface LoadReport {
  readonly calls: number;
  /** Calls whose agent was heard at all. */
  readonly greeted: number;
  readonly turns: number;
  /** Questions that were not answered within 8 s. */
  readonly unanswered: number;
  readonly overheadMs: readonly number[];
  readonly bargeInMs: readonly number[];
  /** How late a frame was there when Asterisk wanted to play it. */
  readonly frameLateMs: readonly number[];
  /** How late our own frames left. */
  readonly ownLateMs: readonly number[];
}

export type ToGenerator = { readonly type: "load"; readonly order: LoadOrder } | { readonly type: "hangUp" };

export type FromGenerator =
  | { readonly type: "up"; readonly ari: AriAccount; readonly ami: AmiAccount }
  /** All calls are up, and the measuring begins. */
  | { readonly type: "measuring" }
  | { readonly type: "measured"; readonly report: LoadReport }
  | { readonly type: "idle" };

export interface AriAccount {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface AmiAccount {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}
