import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { messageOf, OutsideError } from "../../src/base/errors.ts";

export interface CommandOptions {
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  /** Every line of either output, as it comes. */
  readonly onLine?: (line: string) => void;
}

// What is kept of a talkative command, from its end: enough to say why it failed.
const MAX_OUTPUT_CHARACTERS = 64 * 1024;

/**
 * Runs a command in a process group of its own and returns what it printed (both outputs, at most the last 64 KB).
 * Rejects with code "COMMAND_FAILED" when it cannot be started or ends badly, and with the signal's reason when that
 * aborts; the whole group is then killed.
 */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { signal, env = process.env, onLine } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const child = spawn(command, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        output = `${output}${line}\n`.slice(-MAX_OUTPUT_CHARACTERS);
        onLine?.(line);
      });
    }
    const stop = (): void => killGroup(child.pid, "SIGKILL");
    signal?.addEventListener("abort", stop, { once: true });
    const settle = (failure: unknown): void => {
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted) reject(signal.reason);
      else if (failure === undefined) resolve(output);
      else reject(failure);
    };
    child.on("error", (error) => settle(failed(command, messageOf(error), error)));
    child.on("close", (code, killedBy) => {
      const lastLine = output.trimEnd().split("\n").at(-1) ?? "";
      settle(code === 0 ? undefined : failed(command, `${killedBy ?? `exit status ${code}`}: ${lastLine}`));
    });
  });
}

const failed = (command: string, why: string, cause?: unknown): OutsideError =>
  new OutsideError("COMMAND_FAILED", `${command} failed (${why})`, { cause });

/** Signals a process and all it has started, if it leads a group; one that has gone takes this quietly. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Where a program is, by PATH and the folders that only root has in it; undefined: it is not installed. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/local/sbin"];
  for (const folder of folders.filter((entry) => entry !== "")) {
    const path = join(folder, name);
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return path;
  }
  return undefined;
}
