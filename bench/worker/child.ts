import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A script of the bench in a process of its own, which ends with the scenario. */
export function startChild(script: string, undo: AsyncDisposableStack): ChildProcess {
  // In a group of its own: Ctrl-C reaches the bench first, which ends its parts in order.
  const child = fork(join(import.meta.dirname, script), {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  undo.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  return child;
}

/** The next message of that type. Rejects when the process ends first. */
export async function nextMessage<T extends { readonly type: string }, K extends T["type"]>(
  child: ChildProcess,
  type: K,
  signal: AbortSignal,
): Promise<Extract<T, { type: K }>> {
  return await new Promise((resolve, reject) => {
    const stop = (): void => {
      child.off("message", onMessage);
      child.off("exit", onExit);
      signal.removeEventListener("abort", onAbort);
    };
    const onMessage = (message: unknown): void => {
      if ((message as T).type !== type) return;
      stop();
      resolve(message as Extract<T, { type: K }>);
    };
    const onExit = (): void => {
      stop();
      reject(new Error(`a process of the bench ended before it said "${type}"`));
    };
    const onAbort = (): void => {
      stop();
      reject(signal.reason);
    };
    if (signal.aborted) return reject(signal.reason);
    child.on("message", onMessage);
    child.on("exit", onExit);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
