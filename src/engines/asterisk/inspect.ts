import { codeOf, sentenceOf } from "../../base/errors.ts";
import type { EngineHealth } from "../../call/engine.ts";
import type { InspectContext } from "../context.ts";
import { bad, type Finding, good } from "../finding.ts";
import { AmiClient } from "./ami.ts";
import { AriClient } from "./ari.ts";
import { type Capability, capabilityOf, mediaKindOf } from "./capability.ts";
import { dialplanFindings, overflowFindings, targetFindings } from "./dialplan.ts";
import type { AsteriskOptions } from "./options.ts";
import { pulseFindings } from "./pulse.ts";

const CONNECT_MS = 5000;
const LOOK_MS = 20;
const NEEDED_ACTIONS = ["setvar", "getvar", "playdtmf"];
// Without it protected passages could not be left out of a recording.
const RECORDING_ACTIONS = ["mixmonitormute"];

/** Looks at an Asterisk as the engine would use it, with connections of its own that no running service notices. */
export async function inspect(options: AsteriskOptions, context: InspectContext): Promise<Finding[]> {
  const [ari, ami] = await Promise.all([inspectAri(options, context), inspectAmi(options, context)]);
  return [...ari, ...ami];
}

async function inspectAri(
  options: AsteriskOptions,
  { clock, log, signal, targets = {}, overflow = "menu" }: InspectContext,
): Promise<Finding[]> {
  const client = new AriClient({
    options: { ...options.ari, app: `${options.ari.app.slice(0, 20)}-check` },
    clock,
    log,
    onEvent: () => {},
    onConnected: () => Promise.resolve(),
  });
  return visit(client, { clock, signal }, async () => {
    const capability = await capabilityOf(client);
    const applications = await wedged(client);
    return [
      good(`ARI answers at ${options.ari.url}: Asterisk ${capability.version}.`),
      applications,
      mediaFinding(options, capability),
      ...(await pulseFindings(client, options)),
      // Where the globals are missing altogether that is the one thing to mend.
      ...(capability.dialled === "" ? [] : await targetFindings(client, targets)),
      ...(capability.dialled === "" ? [] : await overflowFindings(client, overflow)),
    ];
  });
}

/** A wedged ARI takes requests and answers some, but never this one. */
async function wedged(client: AriClient): Promise<Finding> {
  try {
    await client.request("GET", "applications");
    return good("ARI's applications answer.");
  } catch (error) {
    if (codeOf(error) !== "timeout") throw error;
    return bad(
      "ARI is wedged: it takes connections, and its applications do not answer.",
      "Restart Asterisk when no call is up (core restart when convenient).",
    );
  }
}

function mediaFinding({ media }: AsteriskOptions, capability: Capability): Finding {
  if (capability.dialled === "")
    return bad(
      "The dialplan's globals have no SIDETONE_MEDIA.",
      "Write \"#include globals.sidetone.conf\" into [globals] of extensions.conf, then: asterisk -rx 'dialplan reload'",
    );
  if (media !== "auto" && media !== capability.dialled)
    return bad(
      `The dialplan dials ${capability.dialled}, but engines.asterisk.media says ${media}.`,
      'Set media to "auto", or SIDETONE_MEDIA in the globals.',
    );
  try {
    const kind = mediaKindOf(media, capability);
    return good(kind === "websocket" ? "Sound comes by chan_websocket." : "Sound comes by AudioSocket.");
  } catch (error) {
    return bad("Sound cannot come.", sentenceOf(error));
  }
}

async function inspectAmi(
  options: AsteriskOptions,
  { clock, log, signal, records }: InspectContext,
): Promise<Finding[]> {
  const { host, port, user } = options.ami;
  const client = new AmiClient({ options: options.ami, clock, log });
  return visit(client, { clock, signal }, async () => {
    const allowed = await client.action("ListCommands");
    const needed = records ? [...NEEDED_ACTIONS, ...RECORDING_ACTIONS] : NEEDED_ACTIONS;
    const missing = needed.filter((action) => allowed[action] === undefined);
    if (missing.length > 0)
      return [
        bad(
          `The manager user "${user}" may not use ${missing.join(", ")}.`,
          `${records ? "mixmonitormute comes with app_mixmonitor.so. " : ""}Give the user "write = call,reporting" in manager.conf, then: asterisk -rx 'manager reload'`,
        ),
      ];
    return [
      good(`The manager interface answers at ${host}:${port} and lets "${user}" do what is needed.`),
      ...(await dialplanFindings(client)),
    ];
  });
}

interface Client {
  readonly health: EngineHealth;
  run(signal: AbortSignal): Promise<void>;
}

/** Connects for as long as `look` takes. What does not connect in time is a finding, with the client's own words. */
async function visit(
  client: Client,
  { clock, signal }: Omit<InspectContext, "log">,
  look: () => Promise<Finding[]>,
): Promise<Finding[]> {
  const abort = new AbortController();
  const running = client.run(AbortSignal.any([abort.signal, signal]));
  try {
    const deadlineMs = clock.now() + CONNECT_MS;
    const settled = (): boolean => client.health.state !== "connecting" || clock.now() >= deadlineMs;
    while (!settled() && !stopsAt(client.health.detail)) await clock.sleep(LOOK_MS, signal);
    if (client.health.state !== "connected") return [bad(sentenceOf(client.health.detail), "")];
    return await look();
  } catch (error) {
    signal.throwIfAborted();
    return [bad(sentenceOf(error), "See Asterisk's log for the reason.")];
  } finally {
    abort.abort();
    await running;
  }
}

// Nobody who is not there now will be there in five seconds.
const stopsAt = (detail: string): boolean => detail.startsWith("Nothing listens");
