import { chownSync, statSync } from "node:fs";
import type { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { momentOf } from "../base/zone.ts";
import { type Override, overrideSentences, withOverride } from "../call/override.ts";
import { catalogue } from "../config/catalogue.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import { overrideFile, readOverrides, writeOverrides } from "../store/override-file.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit.ts";
import { configOption } from "./run.ts";

const HELP = `
Opens or closes whatever the hours say: "closed" for an evacuation, "open" for a long evening. It holds for all agents and people, or
with --agent for one agent, until --until or until it is taken back with "off". A running service has it within a second, and
a restart does not end it. Without a word it says what is in force. --until is a time of today or tomorrow (18:00), a moment
(2026-12-24T18:00) or a length (90m, 8h, 2d), by this machine's clock.

Examples:
  sidetone override closed --until 18:00
  sidetone override open --agent reception --until 2h
  sidetone override off
${EXIT_HELP}`;

interface Options {
  readonly agent?: string;
  readonly until?: string;
  readonly config?: string;
}

export function addOverrideCommand(program: Command): void {
  program
    .command("override")
    .description("open or close by hand, whatever the hours say")
    .argument("[state]", "open, closed or off; left out: what is in force")
    .option("--agent <name>", "this agent alone")
    .option("--until <time>", "until when")
    .addOption(configOption())
    .addHelpText("after", HELP)
    .action((state: string | undefined, options: Options) => override(state, options));
}

function override(state: string | undefined, { agent, until, config: asked }: Options): void {
  const { agents, stateDir } = loadConfig(findConfigFile(asked), { catalogue, env: process.env });
  const file = overrideFile(stateDir);
  const now = systemClock.wall();
  if (agent !== undefined && !Object.hasOwn(agents, agent))
    throw new CommandError(`There is no agent "${agent}"; there are ${Object.keys(agents).join(", ")}.`, EXIT.usage);
  try {
    const before = readOverrides(file);
    const after = state === undefined ? before : withOverride(before, agent, wanted(state, until, now), now);
    if (state !== undefined) {
      writeOverrides(file, after);
      likeItsFolder(file, stateDir);
    }
    const sentences = overrideSentences(after, now);
    process.stdout.write(`${sentences.length > 0 ? sentences.join("\n") : "Nothing is opened or closed by hand."}\n`);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${file}: ${messageOf(error)}. Run this as the user of the service, or as root.`);
  }
}

function wanted(state: string, until: string | undefined, now: number): Override | undefined {
  if (state === "off") return undefined;
  if (state !== "open" && state !== "closed")
    throw new CommandError(`"${state}" is none of open, closed, off.`, EXIT.usage);
  const end = until === undefined ? null : untilOf(until, now);
  if (end === undefined || (end !== null && end <= now))
    throw new CommandError(
      `--until ${until}: a time to come, such as 18:00, 90m, 8h, 2d or 2026-12-24T18:00.`,
      EXIT.usage,
    );
  return { state, until: end, since: now, by: "command" };
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY_MS = 86_400_000;

/** Undefined: it is no time. `zone`: whose clock; default: this machine's. */
export function untilOf(
  text: string,
  now: number,
  zone = Intl.DateTimeFormat().resolvedOptions().timeZone,
): number | undefined {
  const [, count, unit = ""] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return now + Number(count) * (UNITS[unit] ?? 0);
  const [, clock] = /^(\d\d:\d\d)$/.exec(text) ?? [];
  if (clock !== undefined) {
    const today = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" }).format(now);
    const local = Date.parse(`${today}T${clock}Z`);
    if (Number.isNaN(local)) return undefined;
    const at = momentOf(local, zone);
    return at > now ? at : momentOf(local + DAY_MS, zone);
  }
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return undefined;
  const local = Date.parse(`${text}Z`);
  return Number.isNaN(local) ? undefined : momentOf(local, zone);
}

/** Root has written it, and the service must be able to replace it. */
function likeItsFolder(file: string, folder: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  chownSync(file, uid, gid);
}
