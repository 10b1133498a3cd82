import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { OutsideError } from "../../src/base/errors.ts";
import { type AsteriskPorts, type PhoneAccount, writeAsteriskConfig } from "./asterisk-config.ts";
import type { AsteriskInstall } from "./asterisk-install.ts";
import { findProgram, runCommand } from "./command.ts";
import { freePorts } from "./ports.ts";

export interface StartOptions {
  readonly install: AsteriskInstall;
  /** A folder that is not there yet or is empty, made for this run and removed by `stop`; default: one in the temporary folder. */
  readonly dir?: string;
  readonly ports?: Partial<AsteriskPorts>;
  /** Simulated phones. Those named "sales", "support" and "operator" are the targets of these names. */
  readonly phones?: readonly PhoneAccount[];
  /** The absolute folder of the prompts; default: one that is empty, so that Asterisk's own sounds are heard. */
  readonly sounds?: string;
  /** More of the dialplan's globals, e.g. {SIDETONE_RING_S: "2"}. */
  readonly globals?: Readonly<Record<string, string>>;
  /** Text to put at the end of a file of the PBX, e.g. {"extensions.conf": "[test]\n…"}. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface Phone {
  readonly name: string;
  readonly password: string;
  readonly wsUrl: string;
  readonly sipUri: string;
}

export interface RunningAsterisk {
  readonly pid: number;
  readonly version: string;
  readonly ports: AsteriskPorts;
  readonly ari: { readonly url: string; readonly user: string; readonly password: string };
  readonly ami: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  readonly phones: readonly Phone[];
  readonly dir: string;
  /** Asterisk's notices, warnings and errors. */
  readonly logFile: string;
  /** Resolves when the process has ended, however it did. */
  readonly ended: Promise<void>;
  /** What `asterisk -rx` prints. */
  cli(command: string): Promise<string>;
  /** Sends the process a signal and leaves all else alone: for faults. */
  kill(signal: NodeJS.Signals): void;
  /** Kills the process and starts it once more, with the same configuration and ports: for faults. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder. May be called twice. */
  stop(): Promise<void>;
}

const BOOT_MS = 20_000;
const STOP_MS = 3_000;
const TRIES = 3;

/**
 * Starts an Asterisk as a small PBX with Sidetone beside it: the shipped files, phones, random passwords, everything
 * on 127.0.0.1. Resolves when it takes calls (about 1 s). Rejects with code "ASTERISK_NOT_STARTED" and its last words.
 */
export async function startAsterisk(options: StartOptions): Promise<RunningAsterisk> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Between choosing a port and Asterisk's taking it somebody else may have been quicker.
      if (options.signal?.aborted || tries === TRIES) throw error;
    }
  }
}

async function startOnce(options: StartOptions): Promise<RunningAsterisk> {
  const { install, clock = systemClock, signal } = options;
  const dir = options.dir === undefined ? await mkdtemp(join(tmpdir(), "sidetone-pbx-")) : resolve(options.dir);
  await mkdir(join(dir, "prompts"), { recursive: true });
  const ports = { ...(await freePorts()), ...options.ports };
  const phones = (options.phones ?? []).map((phone) => ({ ...phone, password: secret() }));
  const [ariPassword, amiPassword] = [secret(), secret()];
  const globals = { SIDETONE_SOUNDS: options.sounds ?? join(dir, "prompts"), ...options.globals };
  const config = { install, dir, ports, phones, ariPassword, amiPassword, globals, extra: options.extra ?? {} };
  const configFile = await writeAsteriskConfig(config);
  const output = join(dir, "log/output");
  let child = await spawnAsterisk(install, configFile, output);
  let ended = endOf(child);
  const cli = (command: string): Promise<string> => remote(install, configFile, command, signal);
  const stop = async (): Promise<void> => {
    await endProcess(child, ended, clock);
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await booted({ child, cli, clock, ...(signal && { signal }) });
    await requirePorts(ports, cli);
  } catch (error) {
    const lastWords = (await readFile(output, "utf8").catch(() => "")).trim().split("\n").slice(-5).join("\n");
    await stop();
    if (signal?.aborted) throw signal.reason;
    throw new OutsideError("ASTERISK_NOT_STARTED", `Asterisk did not start. It said:\n${lastWords}`, { cause: error });
  }
  const host = `127.0.0.1:${ports.http}`;
  return {
    pid: child.pid ?? 0,
    version: install.version,
    ports,
    ari: { url: `ws://${host}`, user: "sidetone", password: ariPassword },
    ami: { host: "127.0.0.1", port: ports.ami, user: "sidetone", password: amiPassword },
    phones: phones.map(({ name, password }) => ({
      name,
      password,
      wsUrl: `ws://${host}/ws`,
      sipUri: `sip:${name}@127.0.0.1:${ports.sip}`,
    })),
    dir,
    logFile: join(dir, "log/messages"),
    ended,
    cli,
    kill: (name) => void child.kill(name),
    async restart() {
      child.kill("SIGKILL");
      await ended;
      child = await spawnAsterisk(install, configFile, output);
      ended = endOf(child);
      await booted({ child, cli, clock, ...(signal && { signal }) });
    },
    stop,
  };
}

const endOf = (child: ChildProcess): Promise<void> =>
  child.exitCode === null ? once(child, "exit").then(() => {}) : Promise.resolve();

const secret = (): string => randomBytes(18).toString("hex");

/** Not a daemon: a child, which the kernel ends when we end without a word. */
async function spawnAsterisk(install: AsteriskInstall, configFile: string, output: string): Promise<ChildProcess> {
  const setpriv = await findProgram("setpriv");
  const guard = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"];
  const [program = "", ...args] = [...guard, ...install.command, "-f", "-C", configFile];
  const log = await open(output, "a");
  try {
    // In a group of its own, so that Ctrl-C in the terminal reaches us first and we end it in order.
    const child = spawn(program, args, { cwd: "/", detached: true, stdio: ["ignore", log.fd, log.fd] });
    await once(child, "spawn");
    return child;
  } finally {
    await log.close();
  }
}

const remote = (
  install: AsteriskInstall,
  configFile: string,
  command: string,
  signal?: AbortSignal,
): Promise<string> => {
  const [program = "", ...args] = [...install.command, "-C", configFile, "-rx", command];
  return runCommand(program, args, signal && { signal });
};

interface Booting {
  readonly child: ChildProcess;
  readonly cli: (command: string) => Promise<string>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

async function booted({ child, cli, clock, signal }: Booting): Promise<void> {
  const deadline = clock.now() + BOOT_MS;
  while (clock.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("the process ended");
    // It refuses until its control socket is there; then this command waits by itself.
    const answer = await cli("core waitfullybooted").catch(() => "");
    if (answer.includes("fully booted")) return;
    await clock.sleep(30, signal);
  }
  throw new Error(`not up within ${BOOT_MS} ms`);
}

/** Asterisk starts also where a port is taken, and only says so in its log. */
async function requirePorts(ports: AsteriskPorts, cli: Booting["cli"]): Promise<void> {
  const [http, ami, sip] = [
    await cli("http show status"),
    await cli("manager show settings"),
    await cli("pjsip show transports"),
  ];
  if (!http.includes(`:${ports.http}`)) throw new Error(`HTTP port ${ports.http} is taken`);
  if (!ami.includes(String(ports.ami))) throw new Error(`AMI port ${ports.ami} is taken`);
  if (!sip.includes(`127.0.0.1:${ports.sip}`)) throw new Error(`SIP port ${ports.sip} is taken`);
}

async function endProcess(child: ChildProcess, ended: Promise<void>, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  const late = clock.after(STOP_MS, () => child.kill("SIGKILL"));
  await ended;
  late.cancel();
}
