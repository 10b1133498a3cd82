import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { OutsideError } from "../../base/errors.ts";
import { isOwnerAlive, ownerOf } from "../../store/owner.ts";

/** A process of the service, which nobody else is taken for: numbers of processes are used again. */
export interface ServiceProcess {
  readonly pid: number;
  /** False when it has ended meanwhile. Throws an OutsideError "EPERM" where it is not ours to signal. */
  signal(name: NodeJS.Signals): boolean;
}

/** `role`: the command that it must run ("worker", "run"). Throws an OutsideError "stranger" when it is another program's. */
export function serviceProcess(pid: number, role: "worker" | "run"): ServiceProcess {
  const words = commandOf(pid);
  if (!words.includes(role))
    throw new OutsideError("stranger", `process ${pid} is no "sidetone ${role}" of this machine: it is left alone`);
  const owner = ownerOf(pid);
  return {
    pid,
    signal(name) {
      if (!isOwnerAlive(owner)) return false;
      try {
        process.kill(pid, name);
        return true;
      } catch (error) {
        throw new OutsideError("EPERM", `process ${pid} cannot be signalled: run this as the service's user, or root`, {
          cause: error,
        });
      }
    },
  };
}

/** The process that started a worker, if that is a supervisor. */
export function supervisorOf(worker: number): ServiceProcess | undefined {
  const status = read(`/proc/${worker}/status`);
  const pid = Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1] ?? 0);
  return pid > 1 && commandOf(pid).includes("run") ? serviceProcess(pid, "run") : undefined;
}

/** Whether systemd watches over this process, and starts it again. */
export const isUnit = (pid: number): boolean => /\.service$/m.test(read(`/proc/${pid}/cgroup`));

const commandOf = (pid: number): string[] => read(`/proc/${pid}/cmdline`).split("\0");

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Twice as many as there are cores, at the priority of everybody else. They end by themselves after `ms`. */
export function busyProcesses(ms: number): { stop(): Promise<void> } {
  // By their own clock, so that they end even when we are killed.
  const work = `const end = process.hrtime.bigint() + ${Math.round(ms)}000000n; while (process.hrtime.bigint() < end);`;
  const children = Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ["-e", work], { stdio: "ignore" }),
  );
  return { stop: async () => void (await Promise.all(children.map(end))) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
