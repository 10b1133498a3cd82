import type { Clock } from "../../base/clock.ts";
import { codeOf, sentenceOf } from "../../base/errors.ts";
import type { InspectContext } from "../context.ts";
import { bad, bearable, type Finding, good } from "../finding.ts";
import { isLoopback } from "../loopback.ts";
import { EslClient } from "./esl/client.ts";
import type { EslConnection } from "./esl/connection.ts";
import { createMedia } from "./media/media.ts";
import { noMediaCounts } from "./media/port.ts";
import type { FreeswitchOptions } from "./options.ts";

const CONNECT_MS = 5000;
const LOOK_MS = 20;
// Called with nothing, each of them only says how it is called.
const NEEDED_APIS = ["uuid_getvar", "sched_del", "global_setvar", "module_exists"];
const NEEDED_MODULES: Readonly<Record<string, string>> = {
  mod_dptools: "without it no call can be lent",
  mod_commands: "without it nothing can be asked",
  mod_sofia: "without it no call comes by SIP",
  mod_dialplan_xml: "without it nobody reads the dialplan that lends calls",
  mod_tone_stream: "without it the menu cannot wait for a key, nor be heard where its prompts are missing",
};
const USEFUL_MODULES: Readonly<Record<string, string>> = {
  mod_spandsp: "keys that come as tones are heard 120 ms later",
  mod_sndfile: "recordings and prompts in WAV files are not possible",
  mod_voicemail: "the menu offers no messages",
};

/** Looks at a FreeSWITCH as the engine would use it, with a connection of its own that no running service notices. */
export async function inspect(options: FreeswitchOptions, context: InspectContext): Promise<Finding[]> {
  const { clock, log, signal } = context;
  const client = new EslClient({
    access: options.esl,
    clock,
    log,
    onEvent: () => {},
    onConnected: () => Promise.resolve(),
  });
  const abort = new AbortController();
  const running = client.run(AbortSignal.any([abort.signal, signal]));
  try {
    await settled(client, { clock, signal });
    const { connection } = client;
    if (!connection) return [bad(sentenceOf(client.health.detail), "")];
    return await look(connection, options, context);
  } catch (error) {
    signal.throwIfAborted();
    return [bad(sentenceOf(error), "See FreeSWITCH's log for the reason.")];
  } finally {
    abort.abort();
    await running;
  }
}

/** Resolves when it is connected, or will not be. */
async function settled(client: EslClient, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<void> {
  const deadlineMs = clock.now() + CONNECT_MS;
  // Nobody who is not there now will be there in five seconds.
  while (
    client.health.state === "connecting" &&
    !client.health.detail.startsWith("Nothing listens") &&
    clock.now() < deadlineMs
  )
    await clock.sleep(LOOK_MS, signal);
}

async function look(
  connection: EslConnection,
  options: FreeswitchOptions,
  context: InspectContext,
): Promise<Finding[]> {
  const { host, port } = options.esl;
  const forbidden = await forbiddenOf(connection);
  if (forbidden.length > 0)
    return [
      bad(
        `The Event Socket's user "${options.esl.user}" may not use ${forbidden.join(", ")}.`,
        "Name them in esl-allowed-api of that user's directory entry, then: fs_cli -x reloadxml",
      ),
    ];
  const version = (await connection.api("version")).trim();
  return [
    good(`The Event Socket answers at ${host}:${port}: ${version}.`),
    ...(await moduleFindings(connection)),
    await mediaFinding(connection, options, context),
  ];
}

async function forbiddenOf(connection: EslConnection): Promise<string[]> {
  const forbidden: string[] = [];
  for (const api of NEEDED_APIS) {
    const { head } = await connection.command(`api ${api}`);
    if (/permission denied/i.test(head.get("Reply-Text") ?? "")) forbidden.push(api);
  }
  return forbidden;
}

async function moduleFindings(connection: EslConnection): Promise<Finding[]> {
  const findings: Finding[] = [];
  const isLoaded = async (name: string): Promise<boolean> =>
    (await connection.api(`module_exists ${name}`)).trim() === "true";
  for (const [name, price] of Object.entries(NEEDED_MODULES))
    if (!(await isLoaded(name))) findings.push(bad(`${name} is not loaded: ${price}.`, `fs_cli -x 'load ${name}'`));
  for (const [name, price] of Object.entries(USEFUL_MODULES))
    if (!(await isLoaded(name)))
      findings.push(bearable(`${name} is not loaded: ${price}.`, `fs_cli -x 'load ${name}'`));
  return findings;
}

async function mediaFinding(
  connection: EslConnection,
  options: FreeswitchOptions,
  { clock, log, signal }: InspectContext,
): Promise<Finding> {
  const media = createMedia({ ...options.media, port: 0 }, { clock, log, counts: noMediaCounts() });
  const local = isLoopback(options.esl.host) && !options.esl.tunnelled;
  try {
    const ask = async (command: string): Promise<string> => (await connection.api(command)).trimEnd();
    const { reason } = await media.choose(ask, { local, signal });
    return good(reason);
  } catch (error) {
    if (codeOf(error) !== "unfit") throw error;
    return bad(`Sound cannot come: ${sentenceOf(error)}`, "");
  } finally {
    await media.close();
  }
}
