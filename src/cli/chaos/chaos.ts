import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Command, Option } from "commander";
import { systemClock } from "../../base/clock.ts";
import { isCancellation, messageOf, OutsideError } from "../../base/errors.ts";
import { createLog, type Log } from "../../base/log.ts";
import { Phone } from "../../caller/phone.ts";
import { catalogue } from "../../config/catalogue.ts";
import { findConfigFile, loadConfig } from "../../config/load.ts";
import { pbxOf, readSound, readText } from "../call.ts";
import { CommandError, EXIT, EXIT_HELP } from "../exit.ts";
import { INTERRUPTED, Interrupt } from "../interrupt.ts";
import { configOption } from "../run.ts";
import { type Cable, cutOf, FAULTS, type Fault, NO_CUT } from "./faults.ts";
import { type Verdict, verdictText } from "./rows.ts";
import { chaos } from "./run.ts";
import { refuseWhileBusy, runningService } from "./service.ts";
import type { Where } from "./where.ts";

const HELP = `
Run it on the service's own machine, as its user or as root. Simulated callers call the PBX; when the agent speaks to all
of them, one fault is done to the service, and 4 s later the row says what each caller has heard. Refuses while calls are
up. Only processes of this service are touched, and everything is put back at the end, also after Ctrl-C.

Faults: kill (the worker with the most calls), stop (the same one, SIGSTOP), all workers, supervisor, slow (more busy
processes than processors), memory (the kernel gives the worker with the most calls no more), disk full (where stateDir has a small file system of its own), pbx command (only with
--pbx-command), cut NAME (only with --cut: your command is run with "cut", and in the end with "heal"). What cannot be tried here is skipped, with the reason. Exit status 0 only if no call is lost
and everybody heard in time what docs/operating.md promises.

Examples:
  sidetone chaos --to sip:4100@127.0.0.1 --user probe --password-file /etc/sidetone/probe
  sidetone chaos --to sip:4100@127.0.0.1 --only kill,stop --json | jq '.rows[] | {fault, lost, toSoundMs}'
  sidetone chaos --demo              against an Asterisk of its own, as in "sidetone demo"
${EXIT_HELP}`;

const shell = promisify(execFile);
const CALLERS_MAX = 20;
/** What is shorter is no silence, but a sound within a word. */
const PAUSE_MS = 100;
const COMMAND_MS = 20_000;
const MENU_PROMPT = "menu.wav";
const DEMO_CABLE: Cable = { name: "pbx", cut: async () => {}, heal: async () => {} };

interface ChaosCommandOptions {
  readonly config?: string;
  readonly to?: string;
  readonly demo?: boolean;
  readonly transport: "ws" | "udp";
  readonly wsUrl?: string;
  readonly user: string;
  readonly passwordFile?: string;
  readonly register?: boolean;
  readonly callers: number;
  readonly only?: string;
  readonly menuPrompt?: string;
  readonly pbxCommand?: string;
  readonly cut?: readonly Cable[];
  readonly whileCallsAreUp?: boolean;
  readonly json?: boolean;
}

export function addChaosCommand(program: Command): void {
  program
    .command("chaos")
    .description("kill, stop and starve the service under simulated callers, and say what they heard")
    .option("--to <address>", "whom to call, e.g. sip:4100@127.0.0.1: a number that the agent answers")
    .option("--demo", "an Asterisk and a service of its own instead of yours")
    .addOption(configOption())
    .addOption(new Option("--transport <kind>", "how the PBX takes SIP").choices(["udp", "ws"]).default("udp"))
    .option("--ws-url <url>", "the PBX's SIP websocket (default: ws://<host of --to>:8088/ws)")
    .option("--user <name>", "the SIP user to call as", "sidetone-caller")
    .option("--password-file <path>", "a file that holds that user's password")
    .option("--register", "register before the calls")
    .addOption(new Option("--callers <n>", "callers in mid-call").default(3).argParser(callersOf))
    .option("--only <faults>", "these faults, separated by commas")
    .option(
      "--menu-prompt <file>",
      "the menu's prompt as callers hear it (default: menu.wav in the folder of the prompts)",
    )
    .option("--pbx-command <command>", "also do this to the PBX, e.g. \"asterisk -rx 'module reload'\"")
    .addOption(
      new Option(
        "--cut <name=command>",
        "a network that the command cuts and heals; may be given several times",
      ).argParser(cableOf),
    )
    .option("--while-calls-are-up", "even while real callers are on the line: they are hit as well")
    .option("--json", "one object instead of the table")
    .addHelpText("after", HELP)
    .action(async (options: ChaosCommandOptions) => {
      process.exitCode = await run(options);
    });
}

function callersOf(text: string): number {
  const callers = Number(text);
  if (Number.isInteger(callers) && callers >= 1 && callers <= CALLERS_MAX) return callers;
  throw new CommandError(`--callers "${text}" is not from 1 to ${CALLERS_MAX}.`, EXIT.usage);
}

/** One more of them. */
function cableOf(text: string, before: readonly Cable[] = []): readonly Cable[] {
  const [, name = "", command = ""] = /^([a-z][a-z0-9-]{0,31})=(.+)$/.exec(text) ?? [];
  if (command === "")
    throw new CommandError(`--cut "${text}" is not name=command, e.g. pbx=/usr/local/sbin/cut-pbx.`, EXIT.usage);
  const order = (word: "cut" | "heal") =>
    shell("sh", ["-c", `${command} ${word}`], { timeout: COMMAND_MS }).catch((error: unknown) => {
      throw new OutsideError("NO_CUT", `--cut ${name}: ${messageOf(error).trim()}`);
    });
  return [...before, { name, cut: () => order("cut"), heal: () => order("heal") }];
}

async function run(options: ChaosCommandOptions): Promise<number> {
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  const undo = new AsyncDisposableStack();
  const progress = (text: string): void => void process.stderr.write(`· ${text}\n`);
  const log = createLog({ level: "error", pretty: true });
  try {
    const verdict = await play(options, { log, progress, signal, undo });
    process.stdout.write(options.json ? `${JSON.stringify(verdict)}\n` : `\n${verdictText(verdict)}`);
    return verdict.ok ? EXIT.fine : EXIT.fault;
  } catch (error) {
    if (isCancellation(error, signal)) return INTERRUPTED;
    if (error instanceof OutsideError) throw new CommandError(error.message);
    throw error;
  } finally {
    await undo.disposeAsync();
  }
}

function chosen(only: string | undefined, cables: readonly Cable[]): readonly Fault[] {
  const all = [...FAULTS, ...(cables.length > 0 ? cables.map(cutOf) : [NO_CUT])];
  if (only === undefined) return all;
  return only.split(",").map((name) => {
    const fault = all.find((one) => one.name === name.trim());
    if (fault) return fault;
    const names = all.map((one) => one.name).join(", ");
    throw new CommandError(`--only: there is no fault "${name.trim()}". There are: ${names}.`, EXIT.usage);
  });
}

interface Play {
  readonly log: Log;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
  readonly undo: AsyncDisposableStack;
}

async function play(options: ChaosCommandOptions, { log, progress, signal, undo }: Play): Promise<Verdict> {
  const clock = systemClock;
  // Before anything is started for nothing: what the stage has of its own is known.
  chosen(options.only, options.demo ? [DEMO_CABLE] : (options.cut ?? []));
  const where = options.demo
    ? await (await import("./stage.ts")).setChaosStage({ clock, log, progress, signal, undo })
    : await named(options);
  const config = loadConfig(findConfigFile(where.configFile), { catalogue, env: process.env });
  const service = runningService(config);
  await refuseWhileBusy(service, options.whileCallsAreUp ?? false);
  const menu = await menuOf(options.menuPrompt ?? join(config.sounds, MENU_PROMPT));
  const phone = new Phone({ ...where.phone, heard: { hangoverMs: PAUSE_MS } }, { clock, log });
  undo.defer(() => phone.stop());
  await phone.start({ signal });
  if (where.register) await phone.register({ signal });
  const { target, restart, pbx } = where;
  const faults = chosen(options.only, where.cables);
  const field = { stateDir: config.stateDir, restart, pbx };
  const line = { phone, target, service, menu, clock, signal };
  return await chaos({ ...line, callers: options.callers, faults, progress, field });
}

async function named(options: ChaosCommandOptions): Promise<Where> {
  const { to, transport, wsUrl, user, passwordFile, register = false, pbxCommand } = options;
  if (to === undefined) throw new CommandError("Whom to call? --to sip:number@host, or --demo.", EXIT.usage);
  const pbx = pbxOf({ to, transport, ...(wsUrl !== undefined && { wsUrl }) });
  const password = passwordFile === undefined ? undefined : (await readText(passwordFile)).trim();
  const phone = { pbx, user, password };
  const allowed =
    pbxCommand === undefined ? {} : { pbx: () => shell("sh", ["-c", pbxCommand], { timeout: COMMAND_MS }) };
  return {
    configFile: findConfigFile(options.config),
    phone,
    register,
    target: to,
    cables: options.cut ?? [],
    ...allowed,
  };
}

async function menuOf(file: string): Promise<Int16Array> {
  return await readSound(file).catch((error: unknown) => {
    throw new CommandError(
      `${error instanceof Error ? error.message : file}. Without the menu's prompt nobody can tell the menu from the agent: --menu-prompt names it.`,
      EXIT.usage,
    );
  });
}
