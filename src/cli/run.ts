import { join } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "../base/clock.ts";
import { createLog, type Log } from "../base/log.ts";
import { type LogSink, standardError } from "../base/log-sink.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import { closeLostRecords } from "../store/records.ts";
import { supervise } from "../supervisor/supervisor.ts";
import { systemdNotifier } from "../supervisor/systemd.ts";
import { EXIT, EXIT_HELP } from "./exit.ts";

const HELP = `
Runs in the foreground. SIGTERM and Ctrl-C drain: new calls go to the menu, running ones may end
(supervisor.drainSeconds); a second one ends at once. SIGHUP reads the configuration again; one with
faults is refused, and the old one stays.

Examples:
  sidetone run
  sidetone run --config /etc/sidetone/sidetone.yaml
${EXIT_HELP}`;

export function addRunCommand(program: Command): void {
  program
    .command("run")
    .description("answer calls: start the service and watch over it")
    .addOption(configOption())
    .addHelpText("after", HELP)
    .action(async ({ config }: { config?: string }) => {
      process.exitCode = await run(findConfigFile(config));
    });
}

export const configOption = (): Option =>
  new Option("-c, --config <file>", "the configuration (default: ./sidetone.yaml, then /etc/sidetone/sidetone.yaml)");

/** The log as configured: plain lines on a terminal, JSON elsewhere. */
export function logOf({ log }: Pick<Config, "log">, destination: LogSink = standardError()): Log {
  const pretty = log.format === "pretty" || (log.format === "auto" && process.stderr.isTTY === true);
  return createLog({ level: log.level, pretty, destination });
}

async function run(file: string): Promise<number> {
  // Faults are told here, before anything is started: the worker reads the same files again.
  const config = loadConfig(file, { catalogue, env: process.env });
  const log = logOf(config).child({ process: "supervisor" });
  // 1 means a faulty configuration, which systemd does not try again; a fault of our own is tried again.
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "the supervisor has a fault and is started again by systemd; calls go to the menu");
    process.exit(EXIT.broken);
  });
  for (const warning of config.warnings) log.warn({ ...warning }, "a warning about the configuration");
  return await supervise({
    command: process.execPath,
    args: [...process.execArgv, process.argv[1] ?? "", "worker", "--config", file],
    // A worker that is started again after a fault reads what the first one has compiled: it is there sooner, and smaller.
    env: { NODE_COMPILE_CACHE: join(config.cacheDir, "compiled"), ...process.env },
    clock: systemClock,
    log,
    ...config.supervisor,
    signals: process,
    // A worker that died cannot complete the records of its calls.
    onNoWorker: () =>
      closeLostRecords({ dir: config.records.dir, clock: systemClock, log, onFailure: () => undefined }),
    notifier: (healthy) => systemdNotifier({ env: process.env, clock: systemClock, log, healthy }),
    random: Math.random,
    onTerminal: process.stdin.isTTY === true && process.stderr.isTTY === true,
  });
}
