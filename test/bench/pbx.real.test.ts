import { describe, expect, inject, test } from "vitest";
import { figuresOf, runBenchCommand } from "./bench.ts";

const ready = inject("asterisk") && inject("pocketsphinx");

// One trial of each: that they run, that they measure what can be, and that nothing else stands on standard output.
describe.skipIf(!ready)("the bench through the real Asterisk", () => {
  test("measures the greeting, kills, hangs and load in one run", { timeout: 180_000 }, async () => {
    const only =
      "greeting_ms,failover_kill_ms,calls_lost,failover_hang_ms,stalls_triggered,concurrent_calls,setup_per_s";
    const printed = await runBenchCommand("--json", "--trials", "1", "--only", only);
    expect(printed.stderr).toContain("TRY-OUT");
    expect(printed.status, printed.stderr).toBe(0);
    const figures = figuresOf(printed);
    expect([...figures.keys()]).toEqual(only.split(","));
    expect(figures.get("greeting_ms")).toMatchObject({ n: 1 });
    expect(figures.get("greeting_ms")?.max).toBeLessThan(3000);
    expect(figures.get("failover_kill_ms")?.max).toBeLessThan(2000);
    // A supervisor that did not kill it would not be noticed for as long as this.
    expect(figures.get("failover_hang_ms")?.p50).toBeGreaterThan(300);
    expect(figures.get("failover_hang_ms")?.max).toBeLessThan(3000);
    expect(figures.get("calls_lost")).toEqual({ value: 0 });
    expect(figures.get("stalls_triggered")).toEqual({ value: 0 });
    expect(figures.get("concurrent_calls")).toEqual({ value: 2 });
    expect(figures.get("setup_per_s")).toEqual({ value: 2 });
  });
});
