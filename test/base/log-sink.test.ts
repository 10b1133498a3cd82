import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { FileSink } from "../../src/base/log-sink.ts";

test("a log on a full disk ends nothing: it is counted, and has a limit", async () => {
  const fd = openSync("/dev/full", "w");
  const sink = new FileSink(fd);
  let failures = 0;
  sink.onFailure = () => failures++;
  sink.write("a line\n");
  await expect.poll(() => failures, { timeout: 5000 }).toBe(1);
  sink.write(`${"x".repeat(2 * 1024 * 1024)}\n`);
  expect(failures).toBe(2);
  sink.flush();
  expect(failures).toBe(3);
  closeSync(fd);
});

test("what a process says last is there when it has ended", () => {
  const folder = mkdtempSync(join(tmpdir(), "sidetone-log-"));
  try {
    const fd = openSync(join(folder, "log"), "w");
    const module = resolve(import.meta.dirname, "../../src/base/log.ts");
    const script = `import { createLog } from ${JSON.stringify(module)};
      const log = createLog();
      for (const nth of [1, 2, 3]) log.info({ nth }, "a line");
      process.exit(0);`;
    spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", fd],
    });
    closeSync(fd);
    const lines = readFileSync(join(folder, "log"), "utf8").trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { nth: number }).nth).sort()).toEqual([1, 2, 3]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
