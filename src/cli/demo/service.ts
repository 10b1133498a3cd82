import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { extname, join, resolve } from "node:path";
import { stringify } from "yaml";
import type { RunningAsterisk } from "../../../deploy/engines/asterisk.ts";
import { findProgram } from "../../../deploy/engines/command.ts";
import type { Clock } from "../../base/clock.ts";
import { OutsideError } from "../../base/errors.ts";
import { packageFolder } from "../../base/package.ts";
import type { LiveEvent } from "../../server/live.ts";
import type { WorkerSummary } from "../../server/server.ts";
import { readToken } from "../../server/token.ts";
import { eventsOf } from "../calls.ts";

const MAIN = resolve(import.meta.dirname, `../../main${extname(import.meta.filename)}`);
const READY_MS = 30_000;
const LOOK_MS = 50;

/** The service as an administrator runs it: its own process, a supervisor with a worker, a configuration in a file. */
export interface DemoService {
  /** The supervisor. */
  readonly pid: number;
  readonly configFile: string;
  readonly logFile: string;
  readonly stateDir: string;
  readonly port: number;
  /** The worker that is up now. */
  workerPid(): Promise<number>;
  /** All workers that are up, the one that is asked among them. */
  workers(): Promise<readonly WorkerSummary[]>;
  /** All figures, as Prometheus reads them. */
  metrics(): Promise<string>;
  /** Resolves when calls are answered. Rejects with the service's last words. */
  ready(signal: AbortSignal): Promise<void>;
  /** What happens in all calls, until the worker ends or the signal aborts. */
  events(signal: AbortSignal): AsyncGenerator<LiveEvent>;
  stop(): Promise<void>;
}

/** What sidetone.yaml says of the PBX: as it stands there, or taken from an Asterisk that runs. */
export type DemoEngines =
  | { readonly asterisk: Pick<RunningAsterisk, "ari" | "ami"> }
  | { readonly engines: Readonly<Record<string, unknown>> };

/** Starts `sidetone run` beside this PBX, with the shipped example agent. Everything it writes is below `dir`. */
export async function startDemoService({
  dir,
  clock,
  settings = {},
  env = {},
  port: wanted,
  ...pbx
}: DemoEngines & {
  dir: string;
  clock: Clock;
  /** More of sidetone.yaml. */
  settings?: Readonly<Record<string, unknown>>;
  /** More of the environment. */
  env?: Readonly<Record<string, string>>;
  /** Of the API; absent: a free one. */
  port?: number;
}): Promise<DemoService> {
  const port = wanted ?? (await freePort());
  const configFile = join(dir, "sidetone.yaml");
  const logFile = join(dir, "sidetone.log");
  const stateDir = join(dir, "state");
  await mkdir(join(dir, "agents"), { recursive: true });
  await copyFile(join(packageFolder, "agents/reception.yaml"), join(dir, "agents/reception.yaml"));
  const config = {
    engines: "engines" in pbx ? pbx.engines : { asterisk: { ari: pbx.asterisk.ari, ami: pbx.asterisk.ami } },
    agents: join(dir, "agents"),
    server: { port },
    log: { format: "json" },
    stateDir,
    ...settings,
  };
  await writeFile(configFile, stringify(config), { mode: 0o600 });
  const child = await spawnService(configFile, logFile, env);
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string, signal: AbortSignal): Promise<Response> =>
    fetch(url + path, { signal, headers: { authorization: `Bearer ${readToken(stateDir) ?? ""}` } });
  return {
    pid: child.pid ?? 0,
    configFile,
    logFile,
    stateDir,
    port,
    async workerPid() {
      const response = await get("/healthz", AbortSignal.timeout(2000));
      const { pid } = (await response.json()) as { pid: number };
      return pid;
    },
    async workers() {
      const response = await get("/healthz", AbortSignal.timeout(2000));
      const { workers } = (await response.json()) as { workers: WorkerSummary[] };
      return workers;
    },
    async metrics() {
      return await (await get("/metrics", AbortSignal.timeout(2000))).text();
    },
    async ready(signal) {
      const deadline = clock.now() + READY_MS;
      while (clock.now() < deadline && child.exitCode === null) {
        // Refused until it listens; 503 until it has found its Asterisk.
        const answer = await get("/readyz", AbortSignal.any([signal, AbortSignal.timeout(2000)])).catch(
          () => undefined,
        );
        if (answer?.ok) return;
        await clock.sleep(LOOK_MS, signal);
      }
      const words = (await readFile(logFile, "utf8")).trim().split("\n").slice(-5).join("\n");
      throw new OutsideError("NOT_READY", `Sidetone is not ready. Its log says:\n${words}`);
    },
    async *events(signal) {
      yield* eventsOf(await get("/api/events", signal));
    },
    stop: () => stopService(child, clock),
  };
}

async function spawnService(
  configFile: string,
  logFile: string,
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const log = await open(logFile, "a", 0o600);
  try {
    const args = ["--disable-warning=ExperimentalWarning", MAIN, "run", "--config", configFile];
    // In a group of its own: Ctrl-C in the terminal reaches the demo first, which ends its parts in order.
    // With setpriv it goes also when we are killed and cannot end anything.
    const setpriv = await findProgram("setpriv");
    const [program = "", ...rest] = [...(setpriv ? [setpriv, "--pdeathsig", "TERM"] : []), process.execPath, ...args];
    const child = spawn(program, rest, {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, ...env },
    });
    await once(child, "spawn");
    return child;
  } finally {
    await log.close();
  }
}

/** The second signal asks for an end at once: no caller is there any more. */
async function stopService(child: ChildProcess, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const again = clock.after(1000, () => child.kill("SIGTERM"));
  const last = clock.after(5000, () => child.kill("SIGKILL"));
  await ended;
  again.cancel();
  last.cancel();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
