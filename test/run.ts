import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

// Runs the suite, and says the result alone on the last line, where people and machines look for it.
const root = resolve(import.meta.dirname, "..");
const report = join(tmpdir(), `sidetone-test-${process.pid}.json`);
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)];
// The suite starts some hundred processes, of few programs: what one has compiled, the next one reads.
const NODE_COMPILE_CACHE = join(root, "node_modules", ".cache", "compiled");
const env = { NODE_COMPILE_CACHE, ...process.env };
const child: ChildProcess = spawn(process.execPath, [vitest, ...args], { stdio: "inherit", cwd: root, env });

const passOn = (signal: NodeJS.Signals) => child.kill(signal);
process.on("SIGINT", passOn);
process.on("SIGTERM", passOn);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
}

function readReport(): Report | undefined {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return undefined;
  } finally {
    rmSync(report, { force: true });
  }
}

child.on("exit", (code) => {
  const result = readReport();
  const skipped = result ? result.numPendingTests + result.numTodoTests : 0;
  let failed = result?.numFailedTests ?? 1;
  if (process.env.CI === "true" && skipped > 0) {
    process.stdout.write(`${skipped} tests were skipped; under CI=true that is a failure.\n`);
    failed += skipped;
  }
  // A suite that broke before its first test, or an error outside any test, has no failed test to count.
  if ((code !== 0 || result?.success !== true) && failed === 0) failed = 1;
  process.stdout.write(`${result?.numPassedTests ?? 0} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
});
