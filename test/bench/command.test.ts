import { describe, expect, test } from "vitest";
import { metrics } from "../../bench/metrics.ts";
import { runBenchCommand } from "./bench.ts";

// A command that loads everything there is takes its time on a busy machine.
describe("npm run bench", { timeout: 120_000 }, () => {
  test("lists every metric with its aim", async () => {
    const { status, stdout } = await runBenchCommand("--list");
    expect(status).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(metrics.length);
    expect(stdout).toMatch(/^greeting_ms .*Aim: p95 <= 100\.$/m);
  });

  test("knows no metric that it was not told of, and says where they are listed", async () => {
    const { status, stdout, stderr } = await runBenchCommand("--json", "--only", "greeting_ms,zebra_ms");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain('There is no metric "zebra_ms"');
  });

  test("lists what is aimed at beside the other engine", async () => {
    const { stdout } = await runBenchCommand("--list", "--engine", "freeswitch");
    expect(stdout).toMatch(/^barge_in_ms .*Aim: p50 <= 110, p95 <= 160\.$/m);
    expect(stdout).toMatch(/^failover_kill_ms .*Aim: p95 <= 100\.$/m);
  });

  test("says in a sentence what is needed where there is no FreeSWITCH, and measures nothing", async () => {
    const where = ["--engine", "freeswitch", "--freeswitch", "/nowhere"];
    const { status, stdout, stderr } = await runBenchCommand(...where, "--json", "--only", "greeting_ms,barge_in_ms");
    expect(status).toBe(1);
    expect(JSON.parse(stdout).metrics).toEqual([]);
    expect(stderr).toMatch(/Please install FreeSWITCH 1\.10 or newer, .*: there is none below \/nowhere\.$/m);
  });

  test("names every metric once", () => {
    const names = metrics.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
