import type { Clock } from "../../src/base/clock.ts";
import type { Phone } from "../../src/caller/phone.ts";
import type { DemoService } from "../../src/cli/demo/service.ts";

/** A PBX with Sidetone beside it, as a user runs the two, and a phone to call from. */
export interface PbxStage {
  readonly version: string;
  readonly service: DemoService;
  readonly phone: Phone;
  /** The menu's prompt at 8 kHz, to be found in what a caller heard. */
  readonly menu: Int16Array;
  /** The processes of the PBX. */
  readonly pids: readonly number[];
  /** How many channels the PBX has at this moment: none when all callers have gone. */
  channels(): Promise<number>;
}

export interface StageOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly undo: AsyncDisposableStack;
  /** More of sidetone.yaml. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** More agents: the file's name and its text. */
  readonly agents: Readonly<Record<string, string>>;
  /** More of the service's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the PBX is installed, if it is to be a certain one. */
  readonly prefix?: string | undefined;
}

export type SetStage = (options: StageOptions) => Promise<PbxStage>;
