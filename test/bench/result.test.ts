import { describe, expect, test } from "vitest";
import type { Metric } from "../../bench/metric.ts";
import { aimText, reaches, resultsOf, tableOf } from "../../bench/result.ts";
import { percentile, summaryOf } from "../../bench/statistics.ts";

const scenario = { name: "test", run: () => Promise.resolve({}) };
const metric: Metric = { name: "greeting_ms", what: "", aims: [{ of: "p95", atMost: 100 }], scenario };
const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

describe("the figures of a bench", () => {
  test("are percentiles of what was measured, in whatever order it came", () => {
    expect(summaryOf([...hundred].reverse())).toEqual({ n: 100, p50: 51, p95: 96, p99: 100, max: 100 });
    expect(percentile([], 0.5)).toBeNaN();
  });

  test("have the shape that --json promises", () => {
    const value: Metric = { ...metric, name: "calls_lost", aims: [{ of: "value", atMost: 0 }] };
    const results = resultsOf([metric, value], { samples: { greeting_ms: [20, 30] }, values: { calls_lost: 0 } });
    expect(results.map(({ figure }) => figure)).toEqual([
      { metric: "greeting_ms", n: 2, p50: 30, p95: 30, p99: 30, max: 30 },
      { metric: "calls_lost", value: 0 },
    ]);
    expect(results.map(({ reached }) => reached)).toEqual([true, true]);
  });

  test("are invalid when the generator itself was late at p99, and say so in the table", () => {
    const lateMs = hundred.map((index) => (index > 98 ? 8 : 0));
    const [result] = resultsOf([metric], { samples: { greeting_ms: [20] }, lateMs });
    expect(result?.invalid).toContain("8.0 ms late");
    expect(tableOf(result ? [result] : [])).toContain("INVALID");
    const fine = resultsOf([metric], { samples: { greeting_ms: [20] }, lateMs: hundred.map(() => 4) });
    expect(fine[0]?.invalid).toBeUndefined();
  });

  test("say whether the aim was reached, and a figure that is not there reaches none", () => {
    const figure = { metric: "m", n: 3, p50: 10, p95: 100, p99: 101, max: 101 };
    expect(reaches(figure, { of: "p95", atMost: 100 })).toBe(true);
    expect(reaches(figure, { of: "p95", below: 100 })).toBe(false);
    expect(reaches(figure, { of: "p50", atLeast: 11 })).toBe(false);
    expect(reaches(figure, { of: "value", atMost: 100 })).toBe(false);
    expect(aimText({ of: "p95", below: 20 })).toBe("p95 < 20");
    const [missed] = resultsOf([metric], { samples: { greeting_ms: [120] } });
    expect(tableOf(missed ? [missed] : [])).toContain("MISSED");
  });
});
