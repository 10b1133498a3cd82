import { flushCompileCache } from "node:module";
import { systemClock } from "../base/clock.ts";
import { codeOf, isCancellation, messageOf, OutsideError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type LogSink, standardError } from "../base/log-sink.ts";
import { version } from "../cli/about.ts";
import { EXIT } from "../cli/exit.ts";
import { logOf, settingsOf } from "../cli/run.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/fault.ts";
import { engines } from "../engines/index.ts";
import { hintsOf, type Script } from "../providers/llm/scripted/script.ts";
import { type Service, startService } from "../service.ts";
import { socketIn } from "../supervisor/adoption.ts";
import { Lifeline, type Wish } from "../supervisor/lifeline.ts";
import { nextSupervisor } from "../supervisor/orphan.ts";
import { Crew } from "./crew.ts";
import { claimOffer } from "./fence.ts";
import { configFromFiles, configFromLastGood, faultsIn } from "./reading.ts";

/** How long a draining worker whose supervisor is gone lets its calls go on. Nobody else would ever end it. */
const ORPHAN_DRAIN_SECONDS = 3600;
/** Before the configuration says another. */
const HEARTBEAT_MS = 100;

/** What a worker learns from whoever started it. */
export interface WorkerPlace {
  readonly slot: number;
  readonly build: string;
  /** The folder of the workers' sockets; empty where it runs alone. */
  readonly dir: string;
  readonly restarts: number;
  readonly heartbeatMs: number;
}

export const placeIn = (env: Readonly<Record<string, string | undefined>>): WorkerPlace => ({
  slot: Number(env.SIDETONE_WORKER ?? 1),
  build: env.SIDETONE_BUILD ?? "",
  dir: env.SIDETONE_WORKERS_DIR ?? "",
  restarts: Number(env.SIDETONE_RESTARTS ?? 0),
  heartbeatMs: Number(env.SIDETONE_HEARTBEAT_MS ?? HEARTBEAT_MS),
});

/** The worker process: the service, and the line to the supervisor. Ends the process itself when all is closed. */
export async function runWorker(file: string): Promise<void> {
  await new WorkerLife(file, placeIn(process.env)).begin();
}

class WorkerLife {
  readonly #file: string;
  readonly #place: WorkerPlace;
  readonly #lifeline: Lifeline;
  readonly #crew: Crew;
  readonly #over = new AbortController();
  #service: Service | undefined;
  #config: Config | undefined;
  #log: Log | undefined;
  #ready = false;
  #leaving = false;
  #reading = Promise.resolve();
  /** The files that the configuration was read from. */
  #inForce = "";

  constructor(file: string, place: WorkerPlace) {
    this.#file = file;
    this.#place = place;
    this.#crew = new Crew({
      claim: (offer) => claimOffer(offer, systemClock),
      clock: systemClock,
      pid: process.pid,
      size: () => this.#config?.workers ?? 1,
      calls: () => this.#service?.calls ?? 0,
      taking: () => this.#ready && !this.#leaving,
      callsPerWorker: () => this.#config?.limits.callsPerWorker ?? this.#config?.limits.calls ?? 1,
    });
    this.#lifeline = new Lifeline({
      clock: systemClock,
      heartbeatMs: place.heartbeatMs,
      channel: process,
      calls: () => this.#service?.calls ?? 0,
      memoryMb: () => Math.round(process.memoryUsage.rss() / 2 ** 20),
      onWish: (wish) => this.#onWish(wish),
      onOrphaned: () => this.#guarded(this.#orphaned()),
    });
  }

  async begin(): Promise<void> {
    // The supervisor is the one to ask; a signal to the worker itself means the same.
    process.on("SIGTERM", () => this.#guarded(this.#leave(this.#config?.supervisor.drainSeconds ?? 0, "drain")));
    process.on("SIGHUP", () => this.#guarded(this.#reload()));
    const { restarts, slot } = this.#place;
    const { config, faults, snapshot } = await firstConfig(this.#file, this.#lifeline, restarts);
    const sink = standardError();
    const log = logOf(config, sink).child({ process: "worker", ...(config.workers > 1 && { worker: slot }) });
    if (faults) log.error({ faults }, "the configuration has faults; the last good one is used");
    this.#config = config;
    this.#log = log;
    this.#inForce = JSON.stringify(snapshot ?? "");
    this.#service = await this.#start(config, log, sink);
    // Kept for the worker that takes over when this one dies.
    flushCompileCache();
    // Until then the others have its calls, and whoever it replaces stays.
    await this.#service.connected();
    this.#ready = true;
    this.#lifeline.ready();
  }

  async #start(config: Config, log: Log, logSink: LogSink): Promise<Service> {
    const { dir, slot, restarts } = this.#place;
    try {
      const service = await startService(config, {
        ...{ clock: systemClock, log, logSink, version },
        createEngine: (name, options, context) => engineOf(name).create(options as never, context),
        hintsOf: (script, language) => hintsOf(script as Script, language),
        portCanWait: restarts > 0,
        ...(dir !== "" && {
          crew: {
            ...{ siblings: this.#crew, slot, dir },
            tellCaller: (caller) => this.#lifeline.came(caller),
            onCount: () => this.#lifeline.changed(),
          },
        }),
      });
      log.info({ url: service.url, agents: Object.keys(config.agents).length, version }, "the service is up");
      return service;
    } catch (error) {
      const exitCode = codeOf(error).startsWith("EADDR") || codeOf(error) === "EACCES" ? EXIT.port : EXIT.fault;
      // What is wrong outside has a sentence that says so; where it was noticed helps only with our own faults.
      log.error(error instanceof OutsideError ? { reason: error.message } : { err: error }, "the service cannot start");
      await this.#lifeline.failed(messageOf(error), exitCode);
      process.exit(exitCode);
    }
  }

  #onWish(wish: Wish): void {
    if (wish.type === "siblings") this.#crew.update(wish.workers);
    else if (wish.type === "came") this.#service?.came(wish.caller);
    else if (wish.type === "reload") this.#guarded(this.#reload());
    else if (wish.type === "stop") this.#guarded(this.#leave(0, "shutdown"));
    else this.#guarded(this.#leave(wish.seconds, "drain"));
  }

  async #leave(seconds: number, reason: string): Promise<void> {
    if (this.#leaving && seconds > 0) return;
    this.#leaving = true;
    // Whoever takes calls now wants the port, and is not to wait for our last caller.
    if (this.#crew.othersTake) await this.#service?.releasePort();
    await this.#service?.drain(seconds);
    await this.#service?.close(reason);
    this.#over.abort();
    this.#lifeline.close();
    process.exit(EXIT.fine);
  }

  /** The supervisor is gone: calls are answered all the same, until the next one is there or it is clear that there will be none. */
  async #orphaned(): Promise<void> {
    const seconds = this.#config?.supervisor.orphanSeconds ?? 0;
    const { dir, slot, build } = this.#place;
    const late = systemClock.after(seconds * 1000, () => this.#guarded(this.#giveUp()));
    this.#log?.warn(
      { calls: this.#service?.calls ?? 0, seconds },
      "the supervisor is gone; the next one is waited for",
    );
    if (dir === "") return;
    const link = await nextSupervisor(socketIn(dir), { clock: systemClock, signal: this.#over.signal });
    late.cancel();
    this.#lifeline.attach(link, { pid: process.pid, slot, build, ready: this.#ready, leaving: this.#leaving });
    this.#log?.info({ calls: this.#service?.calls ?? 0 }, "another supervisor watches over this worker");
    // The next worker wants the port.
    if (this.#leaving) await this.#service?.releasePort();
  }

  async #giveUp(): Promise<void> {
    this.#log?.error(
      { calls: this.#service?.calls ?? 0 },
      "no supervisor came: running calls may end, new ones go to the menu",
    );
    await this.#service?.releasePort();
    await this.#leave(ORPHAN_DRAIN_SECONDS, "drain");
  }

  #guarded(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (isCancellation(error, this.#over.signal)) return;
      this.#log?.error({ err: error }, "the worker could not be closed cleanly");
      process.exit(EXIT.fault);
    });
  }

  /** One after the other, however often it is asked for. */
  #reload(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#reread());
    return this.#reading;
  }

  /** A configuration with faults changes nothing: all of them are told, and the old one stays. */
  async #reread(): Promise<void> {
    const [service, log] = [this.#service, this.#log];
    if (!service || !log || this.#leaving) return;
    try {
      const { config, snapshot } = configFromFiles(this.#file);
      const text = JSON.stringify(snapshot);
      const keys = service.outdatedBy(config);
      this.#lifeline.configured(snapshot, settingsOf(config));
      if (keys.length > 0) {
        log.info({ keys }, "the new configuration takes a new worker; this one keeps the old one");
        this.#lifeline.outdated(keys);
        return;
      }
      // To make everything anew takes a while in which nothing else is done: not for nothing.
      if (text === this.#inForce) return;
      // The calls have their turn in between.
      await systemClock.sleep(0);
      service.apply(config);
      this.#config = config;
      this.#inForce = text;
      log.info({ agents: Object.keys(config.agents).length }, "the new configuration is in force for new calls");
    } catch (error) {
      log.error(
        { faults: faultsIn(error) },
        "the new configuration has faults and is refused; the old one stays in force",
      );
    }
  }
}

/** The files' configuration; at a restart the last good one, when somebody has broken the files meanwhile. */
async function firstConfig(
  file: string,
  lifeline: Lifeline,
  restarts: number,
): Promise<{ config: Config; faults?: string[]; snapshot?: unknown }> {
  try {
    const { config, snapshot } = configFromFiles(file);
    lifeline.configured(snapshot, settingsOf(config));
    return { config, snapshot };
  } catch (error) {
    const config = restarts > 0 ? configFromLastGood(file, await lifeline.lastGood()) : undefined;
    if (config) return { config, faults: faultsIn(error) };
    if (error instanceof ConfigError) await lifeline.failed(error.message, EXIT.fault);
    throw error;
  }
}

function engineOf(name: string) {
  const engine = Object.entries(engines).find(([known]) => known === name)?.[1];
  if (!engine) throw new Error(`there is no engine "${name}"`);
  return engine;
}
