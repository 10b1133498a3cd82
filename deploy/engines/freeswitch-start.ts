import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { OutsideError } from "../../src/base/errors.ts";
import { findProgram } from "./command.ts";
import { FreeswitchCli } from "./freeswitch-cli.ts";
import { DOMAIN, type FreeswitchPhone, type FreeswitchPorts, writeFreeswitchConfig } from "./freeswitch-config.ts";
import type { FreeswitchInstall } from "./freeswitch-install.ts";
import { freeFreeswitchPorts } from "./ports.ts";

export interface FreeswitchStartOptions {
  readonly install: FreeswitchInstall;
  /** A folder that is not there yet or is empty, made for this run and removed by `stop`; default: one in the temporary folder. */
  readonly dir?: string;
  readonly ports?: Partial<FreeswitchPorts>;
  /** Simulated phones. Those named "sales", "support" and "operator" are the targets of these names. */
  readonly phones?: readonly Omit<FreeswitchPhone, "password">[];
  /** The absolute folder of the prompts; default: one that is empty, so that tones are heard. */
  readonly sounds?: string;
  /** More of the dialplan's globals, e.g. {sidetone_ring_s: "2"}. */
  readonly globals?: Readonly<Record<string, string>>;
  /** More of the dialplan: XML with contexts. */
  readonly dialplan?: string;
  /** More settings of the profile of trunks, e.g. {"dtmf-type": "info"}. */
  readonly trunkSettings?: Readonly<Record<string, string>>;
  readonly logLevel?: "warning" | "debug";
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** A FreeSWITCH that takes calls, whether we have started it or it ran before. */
export interface ReachableFreeswitch {
  readonly version: string;
  readonly ports: Pick<FreeswitchPorts, "esl" | "trunk" | "lend">;
  /** Where trunks reach it. */
  readonly trunkHost: string;
  /** The SIP profile there. */
  readonly trunkProfile: string;
  /** As Sidetone's user. */
  readonly esl: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  /** As fs_cli, who may do anything. */
  readonly admin: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  readonly logFile: string;
  /** It ran before, is somebody's own, and goes on afterwards. */
  readonly attached: boolean;
  /** What `fs_cli -x` prints. */
  cli(command: string): Promise<string>;
  /** Leaves it as it was found: ended, with its folder gone, where it was started. May be called twice. */
  stop(): Promise<void>;
}

export interface RunningFreeswitch extends ReachableFreeswitch {
  readonly pid: number;
  readonly ports: FreeswitchPorts;
  readonly phones: readonly { readonly name: string; readonly password: string; readonly sipUri: string }[];
  readonly dir: string;
  /** Resolves when the process has ended, however it did. */
  readonly ended: Promise<void>;
  /** Sends the process a signal and leaves all else alone: for faults. */
  kill(signal: NodeJS.Signals): void;
}

const BOOT_MS = 30_000;
const STOP_MS = 10_000;
const TRIES = 3;

/**
 * Starts a FreeSWITCH as a small PBX with Sidetone beside it: the shipped files, phones, random passwords, everything on
 * 127.0.0.1. Resolves when it takes calls (2 to 4 s). Rejects with code "FREESWITCH_NOT_STARTED" and its last words.
 */
export async function startFreeswitch(options: FreeswitchStartOptions): Promise<RunningFreeswitch> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Between choosing a port and FreeSWITCH's taking it somebody else may have been quicker.
      if (options.signal?.aborted || tries === TRIES) throw error;
    }
  }
}

async function startOnce(options: FreeswitchStartOptions): Promise<RunningFreeswitch> {
  const { install, clock = systemClock, signal } = options;
  const dir = options.dir === undefined ? await mkdtemp(join(tmpdir(), "sidetone-pbx-")) : resolve(options.dir);
  await mkdir(join(dir, "prompts"), { recursive: true });
  const ports = { ...(await freeFreeswitchPorts()), ...options.ports };
  const phones = (options.phones ?? []).map((phone) => ({ ...phone, password: secret() }));
  const [eslPassword, adminPassword] = [secret(), secret()];
  await writeFreeswitchConfig({
    install,
    dir,
    ports,
    phones,
    eslPassword,
    adminPassword,
    globals: {
      sidetone_sounds: options.sounds ?? join(dir, "prompts"),
      sidetone_socket: ports.lend.map((port) => `127.0.0.1:${port}`).join("|"),
      ...options.globals,
    },
    dialplan: options.dialplan ?? "",
    trunkSettings: options.trunkSettings ?? {},
    logLevel: options.logLevel ?? "warning",
  });
  const output = join(dir, "log/output");
  const child = await spawnFreeswitch(install, dir, output);
  const ended = child.exitCode === null ? once(child, "exit").then(() => {}) : Promise.resolve();
  const access = { host: "127.0.0.1", port: ports.esl };
  const admin = { ...access, user: "", password: adminPassword };
  const cli = new FreeswitchCli(admin, clock);
  const stop = async (): Promise<void> => {
    await cli.close();
    await endProcess(child, ended, clock);
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await booted({ child, cli, ports, clock, ...(signal && { signal }) });
  } catch (error) {
    const words = await Promise.all([output, join(dir, "log/freeswitch.log")].map((path) => lastWords(path)));
    await stop();
    if (signal?.aborted) throw signal.reason;
    throw new OutsideError("FREESWITCH_NOT_STARTED", `FreeSWITCH did not start. It said:\n${words.join("\n")}`, {
      cause: error,
    });
  }
  return {
    pid: child.pid ?? 0,
    version: install.version,
    ports,
    trunkHost: DOMAIN,
    trunkProfile: "external",
    attached: false,
    esl: { ...access, user: "sidetone@sidetone", password: eslPassword },
    admin,
    phones: phones.map(({ name, password }) => ({ name, password, sipUri: `sip:${name}@${DOMAIN}:${ports.sip}` })),
    dir,
    logFile: join(dir, "log/freeswitch.log"),
    ended,
    cli: (command) => cli.ask(command),
    kill: (name) => void child.kill(name),
    stop,
  };
}

const secret = (): string => randomBytes(18).toString("hex");

const lastWords = async (path: string): Promise<string> =>
  (await readFile(path, "utf8").catch(() => "")).trim().split("\n").slice(-5).join("\n");

/** Not a daemon: a child, which the kernel ends when we end without a word. */
async function spawnFreeswitch(install: FreeswitchInstall, dir: string, output: string): Promise<ChildProcess> {
  const setpriv = await findProgram("setpriv");
  const guard = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"];
  const folders = {
    conf: "conf",
    log: "log",
    db: "db",
    run: "run",
    storage: "spool",
    recordings: "spool",
    cache: "tmp",
  };
  const more = { temp: "tmp", scripts: "conf", htdocs: "conf", grammar: "conf", certs: "conf", sounds: "prompts" };
  const args = Object.entries({ ...folders, ...more }).flatMap(([name, folder]) => [`-${name}`, join(dir, folder)]);
  // "-rp" is real-time priority where it may be had; "-np" would leave it at the lowest there is.
  const flags = ["-nonat", "-rp", "-nc", "-nf", "-mod", install.modulesDir];
  const [program = "", ...rest] = [...guard, install.program, ...flags, ...args];
  const log = await open(output, "a");
  try {
    // In a group of its own, so that Ctrl-C in the terminal reaches us first and we end it in order.
    const child = spawn(program, rest, { cwd: dir, detached: true, stdio: ["ignore", log.fd, log.fd] });
    await once(child, "spawn");
    return child;
  } finally {
    await log.close();
  }
}

interface Booting {
  readonly child: ChildProcess;
  readonly cli: FreeswitchCli;
  readonly ports: FreeswitchPorts;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** It listens before it takes calls, and goes on where a port is taken: so it is asked. */
async function booted({ child, cli, ports, clock, signal }: Booting): Promise<void> {
  const deadline = clock.now() + BOOT_MS;
  while (clock.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("the process ended");
    const status = await cli.ask("status", signal).catch(() => "");
    if (/is ready/.test(status)) {
      const profiles = await cli.ask("sofia status", signal);
      const up = [ports.sip, ports.trunk].every((port) =>
        new RegExp(`@127\\.0\\.0\\.1:${port}\\s+RUNNING`).test(profiles),
      );
      if (up) return;
    }
    await clock.sleep(50, signal);
  }
  throw new Error(`not up within ${BOOT_MS} ms`);
}

async function endProcess(child: ChildProcess, ended: Promise<void>, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  const late = clock.after(STOP_MS, () => child.kill("SIGKILL"));
  await ended;
  late.cancel();
}
