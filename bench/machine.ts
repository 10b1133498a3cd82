import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { version } from "../src/cli/about.ts";

/** Where the figures were taken: without it they mean nothing to anybody else. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  /** Processes that wanted a core, on average, when the run began and in its last minute. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export const loadNow = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;

export function machineOf(loads: { before: number; after: number }): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${systemName()}, Linux ${release()}, ${arch()}`,
    loadBefore: loads.before,
    loadAfter: loads.after,
  };
}

export const versionsOf = (engine: { name: string; version: string } | undefined): Record<string, string> => ({
  sidetone: version,
  node: process.version.slice(1),
  ...(engine && { [engine.name]: engine.version }),
});

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}
