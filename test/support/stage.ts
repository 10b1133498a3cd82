import type { Cdr } from "../../src/call/cdr.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import type { WorkerSummary } from "../../src/server/server.ts";

/** A PBX with Sidetone beside it, several workers of which may go on with each other's calls. */
export interface Stage extends AsyncDisposable {
  readonly menu: Int16Array;
  /** What an agent says first to a caller whose call was interrupted. */
  readonly excuse: Int16Array;
  /** Calls the agent, under a name that the call's record has. */
  call(name: string, signal: AbortSignal): Promise<CallLeg>;
  /** Those that take calls, and of which the dialplan knows. */
  workers(): Promise<readonly WorkerSummary[]>;
  /** Of the calls that are written down so far that another worker can go on with them: by the caller's name, whose words stand there last. 1: the first agent's. */
  kept(): Promise<ReadonlyMap<string, number>>;
  records(): Promise<readonly Cdr[]>;
  /** The calls' channels in the PBX. */
  channels(): Promise<number>;
}
