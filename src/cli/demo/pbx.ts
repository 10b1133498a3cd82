import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { prepareAsterisk, startAsterisk } from "../../../deploy/engines/asterisk.ts";
import {
  attachFreeswitch,
  findFreeswitch,
  PREFIX_VARIABLE,
  readFreeswitchAddress,
  startFreeswitch,
} from "../../../deploy/engines/freeswitch.ts";
import type { PhoneOptions } from "../../caller/phone.ts";
import type { WireAddress } from "../../caller/sip-wire.ts";

export const DEMO_ENGINES = ["asterisk", "freeswitch"] as const;
export type DemoEngine = (typeof DEMO_ENGINES)[number];

/** A PBX with the shipped files and a few phones, whichever it is. */
export interface DemoPbx {
  /** As sidetone.yaml names it below `engines`. */
  readonly engines: Readonly<Record<string, unknown>>;
  readonly phones: readonly { readonly name: string; readonly password: string; readonly sipUri: string }[];
  /** How a simulated phone reaches it. */
  readonly address: (name: string) => PhoneOptions["pbx"];
  /** Where phones have no account: tells the PBX where this one is, instead of registering. */
  readonly introduce?: (name: string, at: WireAddress) => Promise<void>;
  stop(): Promise<void>;
}

export interface DemoPbxOptions {
  readonly engine: DemoEngine;
  /** Where FreeSWITCH is installed, or `host:port` of one that runs; undefined: where the machine has it. */
  readonly prefix: string | undefined;
  readonly phones: readonly string[];
  /** The folder of the prompts. */
  readonly sounds: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Finds the PBX, or fetches it. Returns what starts it. Rejects with code "NOT_PREPARED" and one sentence on what is missing. */
export async function prepareDemoPbx({ engine, prefix, ...options }: DemoPbxOptions): Promise<() => Promise<DemoPbx>> {
  const { phones, sounds, progress, signal } = options;
  const accounts = phones.map((name) => ({ name }));
  if (engine === "freeswitch") {
    const address = readFreeswitchAddress(prefix ?? process.env[PREFIX_VARIABLE] ?? "");
    if (address) return () => borrowed(address, options);
    const install = await findFreeswitch(prefix);
    return async () => {
      progress(`starting FreeSWITCH ${install.version} with the files of freeswitch/`);
      const pbx = await startFreeswitch({ install, phones: accounts, sounds, signal });
      const { esl, ports } = pbx;
      return {
        engines: { freeswitch: { esl, lend: { port: ports.lend[0] } } },
        phones: pbx.phones,
        address: () => ({ transport: "udp", host: esl.host, port: ports.sip }),
        stop: () => pbx.stop(),
      };
    };
  }
  const install = await prepareAsterisk({ progress, signal });
  return async () => {
    progress(`starting Asterisk ${install.version} with the files of asterisk/`);
    const pbx = await startAsterisk({ install, phones: accounts, sounds, signal });
    const { ari, ami } = pbx;
    return {
      engines: { asterisk: { ari, ami } },
      phones: pbx.phones,
      address: (name) => ({ transport: "ws", url: pbx.phones.find((phone) => phone.name === name)?.wsUrl ?? "" }),
      stop: () => pbx.stop(),
    };
  };
}

/** A FreeSWITCH that runs already, with the administrator's own accounts: our phones come as from a trunk. */
async function borrowed(
  address: NonNullable<ReturnType<typeof readFreeswitchAddress>>,
  { phones, sounds, progress, signal }: Omit<DemoPbxOptions, "engine" | "prefix">,
): Promise<DemoPbx> {
  progress(`borrowing the FreeSWITCH at ${address.host}:${address.port}`);
  // Its user is not ours.
  await Promise.all([sounds, dirname(sounds)].map((folder) => chmod(folder, 0o755)));
  const pbx = await attachFreeswitch({ address, sounds, signal });
  const { esl, ports, trunkHost } = pbx;
  const sipUri = `sip:${trunkHost}:${ports.trunk}`;
  return {
    engines: { freeswitch: { esl, lend: { port: ports.lend[0] } } },
    phones: phones.map((name) => ({ name, password: "", sipUri })),
    address: () => ({ transport: "udp", host: trunkHost, port: ports.trunk }),
    async introduce(name, at) {
      await pbx.cli(
        `global_setvar sidetone_target_${name}=sofia/${pbx.trunkProfile}/sip:${name}@${at.address}:${at.port}`,
      );
    },
    stop: () => pbx.stop(),
  };
}
