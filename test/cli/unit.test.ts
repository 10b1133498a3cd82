import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const unit = resolve(import.meta.dirname, "..", "..", "deploy", "sidetone.service");

function hasSystemd(): boolean {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("the systemd unit", () => {
  // Without systemd there is nothing that could judge it; what it says is looked at all the same, below.
  if (hasSystemd())
    test("exposes less than 3.0 by systemd's own judgement", () => {
      const report = execFileSync("systemd-analyze", ["security", "--offline=true", "--no-pager", unit], {
        encoding: "utf8",
      });
      const exposure = /Overall exposure level for sidetone\.service: ([\d.]+)/.exec(report)?.[1];
      expect(Number(exposure)).toBeGreaterThan(0);
      expect(Number(exposure)).toBeLessThan(3);
    });

  test("drains for as long as the configuration's default says, and takes a person's faults as such", () => {
    const text = readFileSync(unit, "utf8");
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1];
    const schema = readFileSync(join(unit, "..", "..", "docs", "configuration.md"), "utf8");
    const drainSeconds = Number(/`supervisor\.drainSeconds`.*\| `(\d+)` \|/.exec(schema)?.[1]);
    expect(Number(value("TimeoutStopSec"))).toBeGreaterThan(drainSeconds);
    expect(value("RestartPreventExitStatus")).toBe("1 2 3");
    expect(value("NotifyAccess")).toBe("all");
    expect(value("MemoryDenyWriteExecute")).toBeUndefined();
  });

  test("lets the next supervisor see the workers that went on through a restart", () => {
    const text = readFileSync(unit, "utf8");
    // The two together hide them: each start has another namespace of users.
    expect(/^PrivateUsers=yes$/m.test(text) && /^ProtectProc=/m.test(text)).toBe(false);
    // And leaves them their temporary files, which a restart takes away with PrivateTmp.
    expect(text).toMatch(/^CacheDirectory=.*\bsidetone\/tmp$/m);
    expect(text).toMatch(/^Environment=TMPDIR=\/var\/cache\/sidetone\/tmp$/m);
  });
});
