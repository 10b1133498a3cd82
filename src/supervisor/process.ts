import { spawn } from "node:child_process";
import type { Log } from "../base/log.ts";
import type { ToWorker } from "./protocol.ts";

/** How a process ended. Both are null where nobody could see it. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ProcessListener {
  message(message: unknown): void;
  /** Once, and the last. */
  ended(end: ProcessEnd): void;
}

/** A worker's process, as far as its supervisor has to do with it. */
export interface WorkerProcess {
  /** Undefined where it could not be started. */
  readonly pid: number | undefined;
  listen(listener: ProcessListener): void;
  send(wish: ToWorker): void;
  /** It, and whatever it has started. */
  kill(): void;
  /** It goes on without this process, which does not wait for it any more. */
  letGo(): void;
}

export interface ProgramOptions {
  /** The program of the worker, usually Node itself, and its arguments. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** A worker in a process group of its own: Ctrl-C is for the supervisor alone, and a kill takes along what the worker has started. */
export function spawnWorker({ command, args, env, log }: ProgramOptions): WorkerProcess {
  const child = spawn(command, args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
    env: { ...env },
  });
  const { pid } = child;
  return {
    pid,
    listen({ message, ended }) {
      child.on("message", message);
      child.on("exit", (code, signal) => ended({ code, signal }));
      child.on("error", (error) => {
        log.error({ err: error }, "the worker could not be started or told something");
        if (pid === undefined) ended({ code: null, signal: null });
      });
    },
    send(wish) {
      // One that cannot be told any more is about to end, and `exit` or the heart says so.
      if (child.connected) child.send(wish, () => undefined);
    },
    kill: () => killGroup(pid, log),
    letGo() {
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}

export function killGroup(pid: number | undefined, log: Log): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody left in the group is what one wants to find.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") log.error({ err: error }, "the worker could not be killed");
  }
}
