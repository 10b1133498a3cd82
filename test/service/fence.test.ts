import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Fence } from "../../src/service/fence.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sidetone-fence-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("of several workers that come in the same moment one alone connects to a call", async () => {
  const workers = [1, 2, 3, 4].map(() => new Fence(join(dir, "offers"), systemClock));
  for (const offer of ["one", "two", "../three"]) {
    const claims = await Promise.all(workers.map((worker) => worker.claim(offer)));
    expect(claims.filter(Boolean), offer).toHaveLength(1);
  }
  expect(readdirSync(dir)).toEqual(["offers"]);
});

test("a disk that refuses keeps nobody from a call", async () => {
  writeFileSync(join(dir, "offers"), "a file where the folder should be");
  expect(await new Fence(join(dir, "offers"), systemClock).claim("one")).toBe(true);
});
