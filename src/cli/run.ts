import { join } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "../base/clock.ts";
import { createLog, type Log } from "../base/log.ts";
import { type LogSink, standardError } from "../base/log-sink.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import { closeLostRecords } from "../store/records.ts";
import { createAdoption } from "../supervisor/adoption.ts";
import { spawnWorker } from "../supervisor/process.ts";
import type { SupervisorSettings } from "../supervisor/protocol.ts";
import { supervise } from "../supervisor/supervisor.ts";
import { isRestart, systemdNotifier } from "../supervisor/systemd.ts";
import { EXIT, EXIT_HELP } from "./exit.ts";
import { findProgram } from "./program.ts";

const HELP = `
Runs in the foreground. SIGTERM and Ctrl-C drain: new calls go to the menu, running ones may end
(supervisor.drainSeconds); a second one ends at once. SIGHUP reads the configuration again; one with
faults is refused, and the old one stays. Where the program itself has been replaced, SIGHUP puts new
workers in the place of the old ones, whose calls may end. SIGUSR2 ends the supervisor alone: the workers
go on, and the next "sidetone run" takes them over.

Examples:
  sidetone run
  sidetone run --config /etc/sidetone/sidetone.yaml
${EXIT_HELP}`;

/**
 * For a worker's Node, before what was said to ours: less room for what is new and one thread that collects garbage. A worker that is smaller
 * is also taken apart sooner when it is killed, and its callers are in the menu by then. Figures: decision 0060.
 */
const LEAN = ["--max-semi-space-size=16", "--v8-pool-size=1"];

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
  const dir = workersFolder(config);
  const { execPath, argv, env } = process;
  const program = findProgram({ main: argv[1] ?? "", execPath, launcher: env.SIDETONE_LAUNCHER });
  return await supervise({
    settings: settingsOf(config),
    start: ({ slot, restarts, build, heartbeatMs }) => {
      const { command, main } = program();
      return spawnWorker({
        ...{ command, args: [...LEAN, ...process.execArgv, main, "worker", "--config", file], log },
        env: {
          // A worker that is started again after a fault reads what the first one has compiled: it is there sooner, and smaller.
          NODE_COMPILE_CACHE: join(config.cacheDir, "compiled"),
          // Each of its threads would otherwise keep memory of its own for what it may ask for next.
          MALLOC_ARENA_MAX: "2",
          ...process.env,
          SIDETONE_WORKER: String(slot),
          SIDETONE_BUILD: build,
          SIDETONE_WORKERS_DIR: dir,
          // A worker that takes over for another one answers calls even when its port is not free yet.
          SIDETONE_RESTARTS: String(restarts),
          SIDETONE_HEARTBEAT_MS: String(heartbeatMs),
        },
      });
    },
    build: () => program().build,
    clock: systemClock,
    log,
    signals: process,
    adoption: createAdoption({ dir, clock: systemClock, log }),
    // A worker that died cannot complete the records of its calls.
    onNoWorker: () =>
      closeLostRecords({ dir: config.records.dir, clock: systemClock, log, onFailure: () => undefined }),
    notifier: (healthy) => systemdNotifier({ env: process.env, clock: systemClock, log, healthy }),
    isRestart: () => isRestart(process.env),
    random: Math.random,
    onTerminal: process.stdin.isTTY === true && process.stderr.isTTY === true,
  });
}

/** What of the configuration the supervisor runs by. */
export const settingsOf = ({ workers, supervisor }: Pick<Config, "workers" | "supervisor">): SupervisorSettings => ({
  workers,
  ...supervisor,
});

/** Where the supervisor and its workers find each other. */
export const workersFolder = ({ stateDir }: Pick<Config, "stateDir">): string => join(stateDir, "workers");
