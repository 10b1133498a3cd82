import { execFile } from "node:child_process";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

export interface Printed {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the bench as a user does. */
export const runBenchCommand = (...args: readonly string[]): Promise<Printed> =>
  new Promise((resolvePrinted) => {
    const options = { cwd: ROOT, timeout: 280_000, killSignal: "SIGTERM" } as const;
    const child = execFile("bin/node", ["bench/main.ts", ...args], options, (_error, stdout, stderr) =>
      resolvePrinted({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });

/** The figures of a `--json` run, by metric. Throws when standard output holds anything else. */
export function figuresOf({ stdout }: Printed): Map<string, Record<string, number>> {
  const { machine, versions, metrics, ...rest } = JSON.parse(stdout);
  if (Object.keys(rest).length > 0 || typeof machine?.cpu !== "string" || typeof versions?.node !== "string")
    throw new Error(`not what --json promises: ${stdout}`);
  return new Map(metrics.map(({ metric, ...figure }: { metric: string }) => [metric, figure]));
}
