import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { createMetrics } from "../../src/base/metrics.ts";
import { tableOf } from "./rows.ts";

const page = readFileSync(join(resolve(import.meta.dirname, "../.."), "docs/operating.md"), "utf8");

test("the administrator reads what the matrix shows, row by row; each time is measured, and within its bound", () => {
  const rows = page.split("\n").filter((line) => line.includes("≤"));
  expect(rows.map((row) => row.replace(/ \(\d+\) \|/, " |"))).toEqual(tableOf({}).slice(2));
  for (const row of rows) {
    const [, bound, measured] = /≤ (\d+) ms \((\d+)\)/.exec(row) ?? [];
    expect(Number(measured), row).toBeLessThanOrEqual(Number(bound));
  }
});

test("every metric there is, is explained", async () => {
  for (const { name } of await createMetrics().registry.getMetricsAsJSON()) expect(page).toContain(`\`${name}`);
});
