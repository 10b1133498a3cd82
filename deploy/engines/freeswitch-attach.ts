import { networkInterfaces } from "node:os";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { messageOf, OutsideError } from "../../src/base/errors.ts";
import type { FreeswitchAddress } from "./freeswitch-address.ts";
import { FreeswitchCli } from "./freeswitch-cli.ts";
import type { ReachableFreeswitch } from "./freeswitch-start.ts";
import { freeFreeswitchPorts } from "./ports.ts";

export interface FreeswitchAttachOptions {
  readonly address: FreeswitchAddress;
  /** The absolute folder of the prompts, which FreeSWITCH's user must be able to read. */
  readonly sounds: string;
  /** More of the dialplan's globals. Targets are set back as well, whoever sets them. */
  readonly globals?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

const TARGETS = ["sales", "support", "operator"];
const DO_IT = "see docs/freeswitch.md, 1. The files";

/**
 * Borrows a FreeSWITCH that runs already, with Sidetone's files in it: sets the globals of its dialplan so that calls are
 * lent to ports of ours, and sets them back at the end. Rejects with code "NOT_PREPARED" and one sentence on what is
 * missing, and while it has calls.
 */
export async function attachFreeswitch(options: FreeswitchAttachOptions): Promise<ReachableFreeswitch> {
  const { address, sounds, signal, clock = systemClock } = options;
  const admin = { host: address.host, port: address.port, user: "", password: address.password };
  const cli = new FreeswitchCli(admin, clock);
  const ask = (command: string): Promise<string> => cli.ask(command, signal);
  try {
    await checkReady(ask, address);
    const trunk = await trunkOf(ask);
    const { lend } = await freeFreeswitchPorts();
    const before = await setGlobals(ask, {
      sidetone_sounds: sounds,
      sidetone_socket: lend.map((port) => `127.0.0.1:${port}`).join("|"),
      ...options.globals,
    });
    for (const target of TARGETS) {
      const name = `sidetone_target_${target}`;
      if (!before.has(name)) before.set(name, (await ask(`global_getvar ${name}`)).trim());
    }
    let stopping: Promise<void> | undefined;
    const giveBack = async (): Promise<void> => {
      for (const [name, value] of before) await cli.ask(`global_setvar ${name}=${value}`).catch(() => "");
      // What stands behind a second "=" is a condition to this command; the files know better.
      if ([...before.values()].some((value) => value.includes("="))) await cli.ask("reloadxml").catch(() => "");
      await cli.close();
    };
    return {
      version: /^FreeSWITCH Version (\S+)/m.exec(await ask("version"))?.[1] ?? "unknown",
      ports: { esl: address.port, trunk: trunk.port, lend },
      trunkHost: trunk.host,
      trunkProfile: trunk.profile,
      esl: admin,
      admin,
      logFile: `${(await ask("global_getvar log_dir")).trim()}/freeswitch.log`,
      attached: true,
      cli: (command) => cli.ask(command),
      stop() {
        stopping ??= giveBack();
        return stopping;
      },
    };
  } catch (error) {
    await cli.close();
    throw error;
  }
}

type AskCli = (command: string) => Promise<string>;

async function checkReady(ask: AskCli, { host, port }: FreeswitchAddress): Promise<void> {
  const status = await ask("status").catch((error: unknown) => {
    throw missing(`No FreeSWITCH answers at ${host}:${port}. ${messageOf(error)}`, error);
  });
  if (!/is ready/.test(status)) throw missing(`The FreeSWITCH at ${host}:${port} is not ready.`);
  // Its dialplan's settings are about to be changed under them.
  if (!/^0 session\(s\) - peak/m.test(status))
    throw missing(`The FreeSWITCH at ${host}:${port} has calls: it is left alone.`);
  const dialplan = await ask("xml_locate dialplan");
  if (!dialplan.includes("sidetone-offer-again"))
    throw missing(`The FreeSWITCH at ${host}:${port} has no dialplan of Sidetone's: ${DO_IT}.`);
}

/** Where it takes calls of trunks: of the profile "external", else of the first whose calls go to "public". */
async function trunkOf(ask: AskCli): Promise<{ profile: string; host: string; port: number }> {
  const profiles = [...(await ask("sofia status")).matchAll(/^\s*(\S+)\s+profile\s+sip:\S+?@(\S+):(\d+)\s+RUNNING/gm)];
  const named = profiles.find(([, name]) => name === "external");
  const [, name, host = "", port] = named ?? (await publicOne(ask, profiles)) ?? [];
  if (name === undefined) throw missing("It has no SIP profile for trunks, with the context public.");
  const own = Object.values(networkInterfaces()).flatMap((one) => (one ?? []).map(({ address }) => address));
  if (!own.includes(host)) throw missing(`Its SIP profile ${name} is at ${host}, which is no address of this host.`);
  return { profile: name, host, port: Number(port) };
}

async function publicOne(ask: AskCli, profiles: RegExpExecArray[]): Promise<RegExpExecArray | undefined> {
  for (const profile of profiles)
    if (/<context>public</.test(await ask(`sofia xmlstatus profile ${profile[1]}`))) return profile;
  return undefined;
}

/** Returns what was there before. */
async function setGlobals(ask: AskCli, values: Readonly<Record<string, string>>): Promise<Map<string, string>> {
  const before = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    before.set(name, (await ask(`global_getvar ${name}`)).trim());
    await ask(`global_setvar ${name}=${value}`);
  }
  return before;
}

const missing = (message: string, cause?: unknown): OutsideError =>
  new OutsideError("NOT_PREPARED", message, cause === undefined ? undefined : { cause });
