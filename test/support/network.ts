import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readlink } from "node:fs/promises";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { systemClock } from "../../src/base/clock.ts";

const run = promisify(execFile);

/** Runs a program with a network of its own, in which nothing is but itself, and returns what it printed. As root, or where the kernel gives a user namespaces. */
export async function inOwnNetwork(script: string, argument: string): Promise<string> {
  const own = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
  const program = [process.execPath, "--disable-warning=ExperimentalWarning", script, argument];
  const child = spawn("unshare", [...own, "--kill-child", "--fork", ...program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${out}`);
  return out;
}

/** What is wrong with a cable. `to`: the host hears nothing; `from`: nobody hears the host. */
export type Fault = "cut" | "cut to" | "cut from" | "slow";

const NOBODY = "02:00:00:00:00:99";
// Less than a call needs: what waits is soon more than two seconds old.
const SLOW = ["tbf", "rate", "100kbit", "burst", "4kb", "latency", "2500ms"];

/**
 * Another host: a network namespace of its own, with a cable to the one that made it. A cut one takes every frame and says nothing,
 * as a broken switch does: the frames go to an address that nobody has.
 */
export class Host implements AsyncDisposable {
  readonly address: string;
  /** The other end, where it reaches whoever made it. */
  readonly gateway: string;
  readonly #holder: ChildProcess;
  readonly #number: number;
  readonly #programs: ChildProcess[] = [];

  private constructor(number: number, holder: ChildProcess) {
    this.#number = number;
    this.#holder = holder;
    this.address = `10.77.${number}.2`;
    this.gateway = `10.77.${number}.1`;
  }

  static async make(number: number): Promise<Host> {
    const holder = spawn("unshare", ["--net", "--kill-child", "sleep", "600"], { stdio: "ignore" });
    await once(holder, "spawn");
    const host = new Host(number, holder);
    const own = await readlink("/proc/self/ns/net");
    const theirs = () => readlink(`/proc/${holder.pid}/ns/net`).catch(() => own);
    while ((await theirs()) === own) await systemClock.sleep(10);
    const far = ["peer", "name", "far", "address", host.#mac("far"), "netns", String(holder.pid)];
    await ip("link", "add", host.#near, "address", host.#mac("near"), "type", "veth", ...far);
    await ip("addr", "add", `${host.gateway}/24`, "dev", host.#near);
    await ip("link", "set", host.#near, "up");
    await host.#inside("ip", "link", "set", "lo", "up");
    await host.#inside("ip", "addr", "add", `${host.address}/24`, "dev", "far");
    await host.#inside("ip", "link", "set", "far", "up");
    await host.heal();
    return host;
  }

  async fail(fault: Fault): Promise<void> {
    if (fault === "slow") {
      await this.#inside("tc", "qdisc", "add", "dev", "far", "root", ...SLOW);
      await run("tc", ["qdisc", "add", "dev", this.#near, "root", ...SLOW]);
      return;
    }
    if (fault !== "cut from") await this.#say("near", NOBODY);
    if (fault !== "cut to") await this.#say("far", NOBODY);
  }

  async heal(): Promise<void> {
    await this.#say("near", this.#mac("far"));
    await this.#say("far", this.#mac("near"));
    await this.#inside("tc", "qdisc", "del", "dev", "far", "root").catch(() => undefined);
    await run("tc", ["qdisc", "del", "dev", this.#near, "root"]).catch(() => undefined);
  }

  /** Resolves when all that waited for the cable has come through, in both directions. A kernel that was in vain tries again seconds later. */
  async caughtUp(): Promise<void> {
    const sockets = ["-Htn", "state", "established", "dst"];
    for (;;) {
      const near = await run("ss", [...sockets, this.address]);
      const far = await run("nsenter", [...this.#target, "ss", ...sockets, this.gateway]);
      const lines = `${near.stdout}${far.stdout}`.split("\n").filter(Boolean);
      // Bytes that nobody has read, and bytes that nobody has acknowledged.
      if (lines.every((line) => /^\s*\d+\s+0\s/.test(line))) return;
      await systemClock.sleep(50);
    }
  }

  /** Runs a program there; each of its lines is told. It ends when nobody writes to it any more. */
  start(program: string, args: readonly string[], onLine: (line: string) => void): void {
    const child = spawn("nsenter", [...this.#target, program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: child.stdout }).on("line", onLine);
    this.#programs.push(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#programs) {
      if (child.exitCode !== null) continue;
      const ended = once(child, "exit");
      child.stdin?.end();
      await ended;
    }
    this.#holder.kill("SIGKILL");
  }

  /** Whom this end of the cable takes for the other one. */
  async #say(end: "near" | "far", mac: string): Promise<void> {
    const [address, device] = end === "near" ? [this.address, this.#near] : [this.gateway, "far"];
    const words = ["neigh", "replace", address, "lladdr", mac, "nud", "permanent", "dev", device];
    if (end === "near") await ip(...words);
    else await this.#inside("ip", ...words);
  }

  get #near(): string {
    return `near${this.#number}`;
  }

  get #target(): string[] {
    return ["--target", String(this.#holder.pid), "--net"];
  }

  #mac(end: "near" | "far"): string {
    return `02:00:00:00:0${this.#number}:0${end === "near" ? 1 : 2}`;
  }

  #inside(program: string, ...args: readonly string[]): Promise<unknown> {
    return run("nsenter", [...this.#target, program, ...args]);
  }
}

const ip = (...args: readonly string[]): Promise<unknown> => run("ip", args);

/** The network that a process begins with has nothing, not even itself. */
export const wakeLoopback = (): Promise<unknown> => ip("link", "set", "lo", "up");
