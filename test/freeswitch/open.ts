import { chmod } from "node:fs/promises";
import {
  attachFreeswitch,
  findFreeswitch,
  PREFIX_VARIABLE,
  type ReachableFreeswitch,
  readFreeswitchAddress,
  startFreeswitch,
} from "../../deploy/engines/freeswitch.ts";

/** The number that the shipped files send to the agent; another one where they were changed. */
export const NUMBER = process.env.SIDETONE_NUMBER ?? "4100";

export interface OpenOptions {
  readonly sounds: string;
  readonly globals: Readonly<Record<string, string>>;
  /** Only where it is started: one that runs has its own. */
  readonly dialplan?: string;
  readonly trunkSettings?: Readonly<Record<string, string>>;
}

/** The FreeSWITCH that SIDETONE_FREESWITCH names: started where it is a folder, borrowed where it is an address. */
export async function openFreeswitch(options: OpenOptions): Promise<ReachableFreeswitch> {
  const address = readFreeswitchAddress(process.env[PREFIX_VARIABLE] ?? "");
  if (!address) return await startFreeswitch({ ...options, install: await findFreeswitch() });
  // Its user is not ours.
  await chmod(options.sounds, 0o755);
  return await attachFreeswitch({ ...options, address });
}
