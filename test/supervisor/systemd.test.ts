import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemdNotifier } from "../../src/supervisor/systemd.ts";
import { Parent } from "./support.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sidetone-systemd-"));
  // What systemd-notify is told, line by line. The real one would write it to systemd's socket.
  writeFileSync(join(folder, "systemd-notify"), `#!/bin/sh\necho "$*" >> "${folder}/told"\n`);
  chmodSync(join(folder, "systemd-notify"), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const told = (): string[] =>
  existsSync(join(folder, "told")) ? readFileSync(join(folder, "told"), "utf8").trim().split("\n") : [];

/** Waits until systemd was told this. The test's own time limit ends the wait. */
async function tells(text: string, times = 1): Promise<void> {
  while (told().filter((line) => line.includes(text)).length < times) await systemClock.sleep(10);
}

const env = (more: Record<string, string> = {}) => ({
  PATH: `${folder}:${process.env.PATH}`,
  NOTIFY_SOCKET: "/run/systemd/notify",
  ...more,
});

describe("systemd", () => {
  test("hears when calls are answered, of a reload, and of the stop, in this order", { timeout: 120_000 }, async () => {
    await using parent = new Parent(["sound"], env());
    await tells("READY=1 STATUS=answering calls");
    parent.kill("SIGHUP");
    await tells("RELOADING=1");
    await tells("READY=1", 2);
    parent.kill("SIGTERM");
    expect((await parent.exited).code).toBe(0);
    await tells("STOPPING=1");
  });

  test("its watchdog is fed at half its time, while all is well", async () => {
    const asked = { well: 0, ill: 0 };
    const notifier = systemdNotifier({
      env: env({ WATCHDOG_USEC: "200000" }),
      clock: systemClock,
      log: silentLog,
      healthy() {
        const well = asked.well < 3;
        asked[well ? "well" : "ill"]++;
        return well;
      },
    });
    await expect.poll(() => asked.ill, { timeout: 20_000 }).toBeGreaterThan(2);
    // One that is on its way may still arrive; those for which all was well, and no more.
    await tells("WATCHDOG=1", 3);
    expect(told()).toHaveLength(3);
    notifier.close();
  });

  test("where there is none, nothing is told to nobody", async () => {
    const notifier = systemdNotifier({
      env: { PATH: folder, WATCHDOG_USEC: "200000" },
      clock: systemClock,
      log: silentLog,
      healthy: () => true,
    });
    notifier.ready("answering calls");
    notifier.stopping();
    await systemClock.sleep(200);
    expect(told()).toEqual([]);
    notifier.close();
  });
});
