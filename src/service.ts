import { join } from "node:path";
import type { Clock } from "./base/clock.ts";
import type { Log } from "./base/log.ts";
import type { LogSink } from "./base/log-sink.ts";
import { createMetrics, type Metrics, measureLag } from "./base/metrics.ts";
import { withDeadline } from "./base/signals.ts";
import type { Engine } from "./call/engine.ts";
import type { Config } from "./config/config.ts";
import type { EngineContext } from "./engines/context.ts";
import { openHttp } from "./providers/http.ts";
import { createLiveCalls, type LiveCalls } from "./server/live.ts";
import type { Readiness, ServerOptions } from "./server/server.ts";
import { readOrMakeToken } from "./server/token.ts";
import { Briefs } from "./service/briefs.ts";
import { Callers } from "./service/callers.ts";
import type { Crew } from "./service/crew.ts";
import { Desk } from "./service/desk.ts";
import { createGeneration, type Generation, type GenerationOptions } from "./service/generation.ts";
import { listen } from "./service/listening.ts";
import { Opening } from "./service/opening.ts";
import { openPrivately, peersOf } from "./service/private-server.ts";
import { openRecordings } from "./service/recordings.ts";
import { Courier } from "./service/webhooks/courier.ts";
import { openJournal } from "./store/open-journal.ts";
import { openRecords, type Records } from "./store/records.ts";

export interface ServiceParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Where the log goes, so that what it does not take is counted. */
  readonly logSink?: LogSink;
  readonly version: string;
  readonly createEngine: (name: string, options: unknown, context: EngineContext) => Engine;
  readonly hintsOf: GenerationOptions["hintsOf"];
  /** For restarts: calls are answered even when the API's port is taken. */
  readonly portCanWait: boolean;
  /** The other workers of this service, and where they find this one. Absent: this is the only one. */
  readonly crew?: ServiceCrew;
}

export interface ServiceCrew {
  readonly siblings: Crew;
  readonly slot: number;
  /** Where each worker has its private socket. */
  readonly dir: string;
  /** The others count a caller too. */
  readonly tellCaller: (caller: string) => void;
  readonly onCount: () => void;
}

export interface Service {
  readonly calls: number;
  readonly url: string | undefined;
  /** New calls are answered by this configuration; running ones keep theirs. Returns the keys whose change takes a restart. */
  apply(config: Config): string[];
  /** The same keys, and nothing is changed. */
  outdatedBy(config: Config): string[];
  /** New calls go to the menu. Resolves when the running ones have ended, or after `seconds`. */
  drain(seconds: number): Promise<void>;
  /** Resolves when a PBX can lend calls, or after a moment in which none was there. Never rejects. */
  connected(): Promise<void>;
  /** Another worker had a call of this caller. */
  came(caller: string): void;
  /** Lets another process have the port, while calls are still up here. */
  releasePort(): Promise<void>;
  /** Gives back what is still up, and closes all in the reverse order of its start. May be called twice. */
  close(reason: string): Promise<void>;
}

/** How long calls that were given back may take to end. */
const GIVE_BACK_MS = 1500;
/** Outcomes of calls that have ended may still be filled for so long; what is missing then is on record as missing. */
const OUTCOMES_MS = 1500;
const WEBHOOK_CONNECT_MS = 5000;
/** A disk that hangs keeps nobody from answering calls. */
const RECORDS_READY_MS = 3000;
const HEALTH_LOOK_MS = 500;
/** A PBX that is there answers by then; a worker that starts does not wait longer for one that is not. */
const CONNECTED_MS = 700;
const CONNECTED_LOOK_MS = 20;
/** What holds from the start of the process to its end. */
const FIXED = [
  "engines",
  "server",
  "workers",
  "supervisor",
  "log",
  "records",
  "journal",
  "recording",
  "stateDir",
  "cacheDir",
] as const;

/**
 * The composition root. Starts in order: metrics, records, providers, server, engines; the server before the engines, so that a
 * second service on this machine notices that it is one before it touches a call.
 */
export async function startService(config: Config, parts: ServiceParts): Promise<Service> {
  const { clock, log, crew } = parts;
  const metrics = createMetrics(crew && config.workers > 1 ? crew.slot : undefined);
  if (parts.logSink) parts.logSink.onFailure = () => metrics.logFailures.inc();
  const records = openRecords({
    dir: config.records.dir,
    keepDays: { ...config.records.keepDays, memories: config.memory?.keepDays },
    clock,
    log,
    onFailure: () => metrics.recordFailures.inc(),
  });
  const live = createLiveCalls({ clock });
  const context = { context: { clock, log, cacheDir: config.cacheDir }, log, metrics, hintsOf: parts.hintsOf };
  let generation: Generation = createGeneration(config, context);
  const journal = await openJournal(config.journal, { clock, log, onFailure: () => metrics.journalFailures.inc() });
  if (crew) crew.siblings.betweenHosts = (offer) => journal.takeOffer(offer);
  const opening = new Opening({ clock, log, metrics, stateDir: config.stateDir, config: () => generation.config });
  const briefs = new Briefs({ dir: join(config.stateDir, "briefs"), clock, log });
  const callers = new Callers({ clock, log, tell: (caller) => crew?.tellCaller(caller) });
  const desk = new Desk({
    ...{ clock, log, metrics, live, store: records, memories: records, journal, generation: () => generation, callers },
    ...{ opening, briefs },
    ...(crew && { allCalls: () => crew.siblings.calls, onCount: crew.onCount }),
  });
  const http = openHttp({ connectMs: WEBHOOK_CONNECT_MS });
  const webhooks = () => generation.config.webhooks;
  const courier = new Courier({ outbox: records.outbox, webhooks, http, clock, log, metrics });
  records.onComplete = () => courier.wake();
  const recordings = openRecordings(config, { clock, log, metrics });
  const engines = Object.entries(config.engines).map(([name, options]) =>
    parts.createEngine(name, options, {
      ...{ clock, log: log.child({ engine: name }), metrics, recordings },
      ...(crew && { siblings: crew.siblings }),
      ...(briefs.dir !== undefined && { briefs: briefs.dir }),
      onTransfer: (call, result) => desk.transferred(call, result),
      onOverride: (state) => opening.dialled(state),
    }),
  );
  const shown = serverOptions(config, parts, { metrics, live, readiness: () => readinessOf(engines, desk, opening) });
  const shared = (): boolean => crew !== undefined && (config.workers > 1 || crew.siblings.others.length > 0);
  const listening = { clock, log, canWait: parts.portCanWait, shared };
  const server = await listen(shown, listening).catch(async (error: unknown) => {
    briefs.close();
    await courier.close();
    await Promise.all([http.close(), retire(generation, parts), written(records, parts), journal.close()]);
    throw error;
  });
  const own = crew && (await openPrivately(shown, crew.dir, log));
  const abort = new AbortController();
  // A call that is lent before its record can be written would have none, should this process die at once.
  await readyOrLate(records, clock);
  measureLag({ metrics, clock, signal: abort.signal });
  const health = watchHealth(engines, metrics, clock);
  const unwatch = opening.watch();
  const running = engines.map((engine) => engine.run((leg) => desk.onLeg(leg, engine.name), abort.signal));
  const stopTaking = (): void => {
    desk.refuseNew();
    for (const engine of engines) engine.drain();
  };
  const close = async (reason: string): Promise<void> => {
    stopTaking();
    await desk.giveAllBack(reason);
    await desk.whenIdle(GIVE_BACK_MS);
    await desk.finish(OUTCOMES_MS);
    abort.abort();
    await Promise.allSettled(running);
    health.cancel();
    unwatch();
    briefs.close();
    callers.close();
    await Promise.all([server.close(), own?.close()]);
    await courier.close();
    await http.close();
    await Promise.all([retire(generation, parts), written(records, parts), kept(recordings, parts), journal.close()]);
  };
  const outdatedBy = (next: Config): string[] =>
    FIXED.filter((key) => JSON.stringify(next[key]) !== JSON.stringify(config[key]));
  let closed: Promise<void> | undefined;
  return {
    get calls() {
      return desk.calls;
    },
    get url() {
      return server.url;
    },
    apply(next) {
      const old = generation;
      generation = createGeneration(next, context);
      old.retire().catch((error: unknown) => log.warn({ err: error }, "old providers did not close cleanly"));
      return outdatedBy(next);
    },
    outdatedBy,
    async drain(seconds) {
      stopTaking();
      await desk.whenIdle(seconds * 1000);
    },
    connected: () => connectedOrLate(engines, clock),
    came: (caller) => callers.came(caller),
    releasePort: () => server.close(),
    close(reason) {
      closed ??= close(reason);
      return closed;
    },
  };
}

function serverOptions(
  { server: at, stateDir }: Config,
  { clock, log, version, crew }: ServiceParts,
  { metrics: { registry }, live, readiness }: { metrics: Metrics; live: LiveCalls; readiness: () => Readiness },
): ServerOptions {
  const common = { at, token: readOrMakeToken(stateDir, log), version, clock, live, readiness, registry };
  return crew ? { ...common, ...peersOf(crew) } : common;
}

/** A call that does not let go of its providers must not keep the process. */
async function retire(generation: Generation, { clock, log }: ServiceParts): Promise<void> {
  const message = "a call keeps its providers";
  await withDeadline(() => generation.retire(), { clock, ms: GIVE_BACK_MS, message }).catch((error: unknown) =>
    log.warn({ err: error }, "not all providers were closed"),
  );
}

const readyOrLate = ({ ready }: Records, clock: Clock): Promise<void> =>
  withDeadline(() => ready, { clock, ms: RECORDS_READY_MS, message: "" }).catch(() => undefined);

/** A disk that hangs must not keep the process; the supervisor closes what is still open then. */
async function written(records: Records, { clock, log }: ServiceParts): Promise<void> {
  const message = "the disk does not take them";
  await withDeadline(() => records.close(), { clock, ms: GIVE_BACK_MS, message }).catch((error: unknown) =>
    log.error({ err: error }, "not all call records were written"),
  );
}

/** What is not a WAV file by then is made one by the next worker. */
async function kept(recordings: { idle(): Promise<void> }, { clock, log }: ServiceParts): Promise<void> {
  const message = "recordings are still being written";
  await withDeadline(() => recordings.idle(), { clock, ms: GIVE_BACK_MS, message }).catch(() =>
    log.info({}, "recordings are left to the next worker"),
  );
}

function readinessOf(engines: readonly Engine[], desk: Desk, opening: Opening): Readiness {
  const faults = engines.filter(({ health }) => health.state !== "connected");
  const reasons = faults.map(({ name, health }) => `${name}: ${health.detail || health.state}`);
  if (desk.closing) reasons.push("The service is stopping: new calls go to the menu.");
  return { ready: !desk.closing && faults.length < engines.length, reasons: [...reasons, ...opening.sentences()] };
}

async function connectedOrLate(engines: readonly Engine[], clock: Clock): Promise<void> {
  const deadlineMs = clock.now() + CONNECTED_MS;
  while (clock.now() < deadlineMs && !engines.some(({ health }) => health.state === "connected"))
    await clock.sleep(CONNECTED_LOOK_MS);
}

function watchHealth(engines: readonly Engine[], metrics: Metrics, clock: Clock) {
  const look = (): void => {
    for (const { name, health } of engines)
      metrics.engineUp.set({ engine: name }, health.state === "connected" ? 1 : 0);
  };
  look();
  return clock.every(HEALTH_LOOK_MS, look);
}
