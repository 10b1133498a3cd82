import { describe, expect, inject, test } from "vitest";
import { metrics } from "../../bench/metrics.ts";
import { figuresOf, runBenchCommand } from "./bench.ts";

const ready = inject("asterisk") && inject("pocketsphinx");

// One trial of each: that they run, that they measure what can be, and that nothing else stands on standard output.
describe.skipIf(!ready)("the bench through the real Asterisk", () => {
  test("measures every figure in one run", { timeout: 300_000 }, async () => {
    // Of the poor networks one: the others differ in a number. 100 calls are held as any other number of them.
    const names = metrics
      .map(({ name }) => name)
      .filter((name) => !/^(worker|loop|provider|lent)_/.test(name) && !/^network_(?!loss_3_)/.test(name));
    const printed = await runBenchCommand("--json", "--trials", "1", "--only", names.join(","));
    expect(printed.stderr).toContain("TRY-OUT");
    expect(printed.status, printed.stderr).toBe(0);
    const figures = figuresOf(printed);
    expect([...figures.keys()]).toEqual(names);
    expect(figures.get("greeting_ms")).toMatchObject({ n: 1 });
    expect(figures.get("greeting_ms")?.max).toBeLessThan(20_000);
    // Much below nothing is a bench that takes off what was never waited for.
    expect(figures.get("reply_overhead_ms")?.p50).toBeGreaterThan(-70);
    // Seen once on a busy machine: 10.5 s. Who is not understood is asked again after eight seconds of silence.
    expect(figures.get("reply_overhead_ms")?.p50).toBeLessThan(20_000);
    expect(figures.get("eager_reply_ms")?.p50).toBeGreaterThan(100);
    expect(figures.get("eager_reply_ms")?.p50).toBeLessThan(20_000);
    expect(figures.get("after_pause_ms")?.p50).toBeLessThan(20_000);
    expect(figures.get("barge_in_ms")?.n).toBeGreaterThan(0);
    expect(figures.get("failover_kill_ms")?.max).toBeLessThan(5000);
    // A supervisor that did not kill it would not be noticed for as long as this.
    expect(figures.get("failover_hang_ms")?.p50).toBeGreaterThan(300);
    expect(figures.get("failover_hang_ms")?.max).toBeLessThan(10_000);
    expect(figures.get("network_loss_3_reply_ms")?.n).toBeGreaterThan(0);
    expect(figures.get("network_loss_3_words")?.value).toBeLessThanOrEqual(1);
    // After two calls a worker is not warm: what it makes once counts as left over.
    expect(figures.get("soak_left_over")?.value).toBeGreaterThanOrEqual(0);
    expect(figures.get("calls_lost")).toEqual({ value: 0 });
    expect(figures.get("stalls_triggered")).toEqual({ value: 0 });
    // 0: a busy machine did not carry even two, which is its business.
    expect([0, 2]).toContain(figures.get("concurrent_calls")?.value);
    expect([0, 2]).toContain(figures.get("setup_per_s")?.value);
  });
});
