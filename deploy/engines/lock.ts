import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { OutsideError } from "../../src/base/errors.ts";
import type { PreparationOptions } from "./packages.ts";

type Holder = ChildProcessByStdio<Writable, Readable, null>;

const TAKEN = 75;

/**
 * Waits until this process alone holds the lock on `path`, and returns what gives it back. The kernel keeps the lock
 * (flock(2)) for a small child that ends with its standard input, so it goes when we go, however we end: there are no
 * stale locks.
 */
export async function lockFile(
  path: string,
  options: PreparationOptions & { readonly waiting: string },
): Promise<() => Promise<void>> {
  const { signal } = options;
  let holder = startHolder(path, ["-n"]);
  const giveUp = (): void => void holder.kill("SIGKILL");
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    signal?.throwIfAborted();
    let code = await lockedOrEnded(holder);
    if (code === TAKEN) {
      options.progress?.(options.waiting);
      signal?.throwIfAborted();
      holder = startHolder(path, []);
      code = await lockedOrEnded(holder);
    }
    signal?.throwIfAborted();
    if (code !== undefined) throw new OutsideError("LOCK_FAILED", `${path} cannot be locked (flock: status ${code})`);
  } catch (error) {
    holder.stdin.destroy();
    throw error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
  const ended = once(holder, "close");
  return async () => {
    holder.stdin.end();
    await ended;
  };
}

const startHolder = (path: string, how: readonly string[]): Holder =>
  spawn("flock", [...how, "-E", String(TAKEN), path, "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });

/** Undefined when the lock is held; the exit status when it is not to be had. */
function lockedOrEnded(holder: Holder): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    holder.once("error", reject);
    holder.once("close", (code) => resolve(code ?? 1));
    holder.stdout.once("data", () => resolve(undefined));
  });
}
