import type { PhoneOptions } from "../../caller/phone.ts";
import type { Cable } from "./faults.ts";

/** Which service is tried, and how its PBX is called. */
export interface Where {
  readonly configFile: string;
  readonly phone: PhoneOptions;
  readonly register: boolean;
  readonly target: string;
  /** What may be done to the PBX. Rejects when it cannot. */
  readonly pbx?: () => Promise<unknown>;
  /** What can be cut. */
  readonly cables: readonly Cable[];
  /** Starts the supervisor again; absent: systemd does. */
  readonly restart?: () => Promise<void>;
}
