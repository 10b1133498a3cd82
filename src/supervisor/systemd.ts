import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** Tells systemd how the service is. Without systemd every one of these does nothing. */
export interface Notifier {
  ready(status: string): void;
  status(text: string): void;
  reloading(): void;
  stopping(): void;
  close(): void;
}

const NOTIFY_TIMEOUT_MS = 5000;

/**
 * Node has no datagram sockets of the unix kind, so the program `systemd-notify` speaks for us (the unit has
 * NotifyAccess=all). Nobody waits for it. With a watchdog configured it is fed at half its time, for as long as
 * `healthy` says so.
 */
export function systemdNotifier({
  env,
  clock,
  log,
  healthy,
}: {
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  log: Log;
  healthy: () => boolean;
}): Notifier {
  let told = false;
  const say = (assignments: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      execFile("systemd-notify", assignments, { timeout: NOTIFY_TIMEOUT_MS, env: { ...env } }, (error) => {
        resolve();
        if (!error || told) return;
        told = true;
        log.warn({ err: error }, "systemd could not be told about the service: is systemd-notify installed?");
      });
    });
  // One after the other: RELOADING=1 that overtakes READY=1 would leave the unit reloading for ever.
  let queue = Promise.resolve();
  const notify = (...assignments: string[]): void => {
    if (env.NOTIFY_SOCKET) queue = queue.then(() => say(assignments));
  };
  const watchdogMs = env.NOTIFY_SOCKET ? Number(env.WATCHDOG_USEC ?? 0) / 1000 : 0;
  const timer = watchdogMs >= 100 ? clock.every(watchdogMs / 2, () => healthy() && notify("WATCHDOG=1")) : undefined;
  return {
    ready: (status) => notify("READY=1", `STATUS=${status}`),
    status: (text) => notify(`STATUS=${text}`),
    reloading: () => notify("RELOADING=1"),
    stopping: () => notify("STOPPING=1"),
    close: () => timer?.cancel(),
  };
}

const ASK_TIMEOUT_MS = 1000;

/**
 * Whether systemd stops this service in order to start it again: it has a job "restart" for the unit then. False where there is
 * no systemd, or it does not say: a stop is what was asked for.
 */
export async function isRestart(
  env: Readonly<Record<string, string | undefined>>,
  unit: string | undefined = unitOf(),
): Promise<boolean> {
  if (!env.NOTIFY_SOCKET || unit === undefined) return false;
  return await new Promise((resolve) => {
    const args = ["list-jobs", "--no-legend", "--plain", unit];
    execFile("systemctl", args, { timeout: ASK_TIMEOUT_MS, env: { ...env } }, (error, jobs) => {
      const fields = jobs
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .find(([, name]) => name === unit);
      resolve(!error && fields?.[2] === "restart");
    });
  });
}

/** The unit that this process belongs to, as its control group is called. */
function unitOf(): string | undefined {
  try {
    return /([\w:.@\\-]+\.service)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
