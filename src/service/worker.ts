import { flushCompileCache } from "node:module";
import { systemClock } from "../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type LogSink, standardError } from "../base/log-sink.ts";
import { version } from "../cli/about.ts";
import { EXIT } from "../cli/exit.ts";
import { logOf } from "../cli/run.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/fault.ts";
import { engines } from "../engines/index.ts";
import { hintsOf, type Script } from "../providers/llm/scripted/script.ts";
import { type Service, startService } from "../service.ts";
import { Lifeline, type Wish } from "../supervisor/lifeline.ts";
import { configFromFiles, configFromLastGood, faultsIn } from "./reading.ts";

/** How long a draining worker whose supervisor is gone lets its calls go on. Nobody else would ever end it. */
const ORPHAN_DRAIN_SECONDS = 3600;
/** Before the configuration says another. */
const HEARTBEAT_MS = 100;

/** The worker process: the service, and the line to the supervisor. Ends the process itself when all is closed. */
export async function runWorker(file: string): Promise<void> {
  const life: { service?: Service; config?: Config; log?: Log; leaving: boolean } = { leaving: false };
  const leave = async (seconds: number, reason: string): Promise<void> => {
    if (life.leaving && seconds > 0) return;
    life.leaving = true;
    await life.service?.drain(seconds);
    await life.service?.close(reason);
    lifeline.close();
    process.exit(EXIT.fine);
  };
  const orphaned = async (): Promise<void> => {
    const calls = life.service?.calls ?? 0;
    life.log?.error({ calls }, "the supervisor is gone: running calls may end, new ones go to the menu");
    // Whoever is started next wants the port, and is not to wait for our last caller.
    await life.service?.releasePort();
    await leave(ORPHAN_DRAIN_SECONDS, "drain");
  };
  const guarded = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      life.log?.error({ err: error }, "the worker could not be closed cleanly");
      process.exit(EXIT.fault);
    });
  };
  const reload = (): void => {
    if (life.service && life.log) Object.assign(life, applyFiles(file, life.service, lifeline, life.log));
  };
  const onWish = (wish: Wish): void => {
    if (wish.type === "reload") reload();
    else guarded(leave(wish.type === "drain" ? wish.seconds : 0, wish.type === "drain" ? "drain" : "shutdown"));
  };
  const lifeline = new Lifeline({
    clock: systemClock,
    heartbeatMs: Number(process.env.SIDETONE_HEARTBEAT_MS ?? HEARTBEAT_MS),
    channel: process,
    calls: () => life.service?.calls ?? 0,
    onWish,
    onOrphaned: () => guarded(orphaned()),
  });
  // The supervisor is the one to ask; a signal to the worker itself means the same.
  process.on("SIGTERM", () => guarded(leave(life.config?.supervisor.drainSeconds ?? 0, "drain")));
  process.on("SIGHUP", reload);
  const restarts = Number(process.env.SIDETONE_RESTARTS ?? 0);
  const { config, faults } = await firstConfig(file, lifeline, restarts);
  const sink = standardError();
  const log = logOf(config, sink).child({ process: "worker" });
  if (faults) log.error({ faults }, "the configuration has faults; the last good one is used");
  Object.assign(life, { config, log });
  life.service = await start(config, { log, sink, lifeline, restarts });
  // Kept for the worker that takes over when this one dies.
  flushCompileCache();
  lifeline.ready();
}

/** The files' configuration; at a restart the last good one, when somebody has broken the files meanwhile. */
async function firstConfig(
  file: string,
  lifeline: Lifeline,
  restarts: number,
): Promise<{ config: Config; faults?: string[] }> {
  try {
    const { config, snapshot } = configFromFiles(file);
    lifeline.configured(snapshot);
    return { config };
  } catch (error) {
    const config = restarts > 0 ? configFromLastGood(file, await lifeline.lastGood()) : undefined;
    if (config) return { config, faults: faultsIn(error) };
    if (error instanceof ConfigError) await lifeline.failed(error.message, EXIT.fault);
    throw error;
  }
}

interface Starting {
  readonly log: Log;
  readonly sink: LogSink;
  readonly lifeline: Lifeline;
  readonly restarts: number;
}

async function start(config: Config, { log, sink, lifeline, restarts }: Starting): Promise<Service> {
  try {
    const service = await startService(config, {
      clock: systemClock,
      log,
      logSink: sink,
      version,
      createEngine: (name, options, context) => engineOf(name).create(options as never, context),
      hintsOf: (script) => hintsOf(script as Script),
      portCanWait: restarts > 0,
    });
    log.info({ url: service.url, agents: Object.keys(config.agents).length, version }, "the service is up");
    return service;
  } catch (error) {
    const exitCode = codeOf(error).startsWith("EADDR") || codeOf(error) === "EACCES" ? EXIT.port : EXIT.fault;
    // What is wrong outside has a sentence that says so; where it was noticed helps only with our own faults.
    log.error(error instanceof OutsideError ? { reason: error.message } : { err: error }, "the service cannot start");
    await lifeline.failed(messageOf(error), exitCode);
    process.exit(exitCode);
  }
}

function engineOf(name: string) {
  const engine = Object.entries(engines).find(([known]) => known === name)?.[1];
  if (!engine) throw new Error(`there is no engine "${name}"`);
  return engine;
}

/** A configuration with faults changes nothing: all of them are told, and the old one stays. */
function applyFiles(file: string, service: Service, lifeline: Lifeline, log: Log): { config?: Config } {
  try {
    const { config, snapshot } = configFromFiles(file);
    const waiting = service.apply(config);
    lifeline.configured(snapshot);
    log.info({ agents: Object.keys(config.agents).length }, "the new configuration is in force for new calls");
    if (waiting.length > 0) log.warn({ keys: waiting }, "these changes take a restart: systemctl restart sidetone");
    return { config };
  } catch (error) {
    log.error(
      { faults: faultsIn(error) },
      "the new configuration has faults and is refused; the old one stays in force",
    );
    return {};
  }
}
