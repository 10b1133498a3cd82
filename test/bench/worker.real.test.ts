import { expect, test } from "vitest";
import { metrics } from "../../bench/metrics.ts";
import { figuresOf, runBenchCommand } from "./bench.ts";

const names = metrics.map(({ name }) => name).filter((name) => /^worker_|^loop_/.test(name));

// A few calls of each: that they run, that questions are answered, and that nothing else stands on standard output.
test("the bench of the worker alone measures all of its figures", { timeout: 300_000 }, async () => {
  const printed = await runBenchCommand("--json", "--trials", "1", "--only", names.join(","));
  expect(printed.status, printed.stderr).toBe(0);
  const figures = figuresOf(printed);
  expect([...figures.keys()].sort()).toEqual([...names].sort());
  const overhead = figures.get("worker_overhead_ms");
  expect(overhead?.n).toBeGreaterThan(0);
  // Much below nothing is a bench that takes off what was never waited for.
  expect(overhead?.p50).toBeGreaterThan(-70);
  expect(overhead?.p50).toBeLessThan(2000);
  expect(figures.get("worker_barge_in_ms")?.n).toBeGreaterThan(0);
  expect(figures.get("worker_cpu_cores")?.value).toBeGreaterThan(0);
  // 0: a busy machine did not carry even two, which is its business.
  expect([0, 2]).toContain(figures.get("worker_calls_per_core")?.value);
});
