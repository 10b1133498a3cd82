import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, inject, test } from "vitest";
import { slowerBy } from "../support/teardown.ts";
import { DemoFolder } from "./support.ts";

const PAUSE_MS = 600;

describe.skipIf(!inject("asterisk") || !inject("pocketsphinx"))("the demo", () => {
  test("shows a whole call and a killed worker, and says so in one object", { timeout: 180_000 }, async () => {
    using folder = new DemoFolder();
    const child = folder.start("--json");
    const ended = once(child, "exit");
    const [out, progress] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await ended;
    expect(out, progress).not.toBe("");
    const result = JSON.parse(out);
    expect(result, out).toMatchObject({
      ok: true,
      transfer: true,
      failover: { menu: true, connected: true },
      recording: { rate: 8000, consent: "none" },
      cdr: { agent: "reception", next: { next: "transfer", target: "support" }, keys: "55012#" },
    });
    expect(code).toBe(0);
    expect(out.trim().split("\n")).toHaveLength(1);
    const [greeting, hours, parking, appointment, , , person] = result.turns;
    expect(greeting).toMatchObject({ caller: "", interrupted: false });
    expect(hours).toMatchObject({ interrupted: true });
    expect(parking.agent).toMatch(/building/);
    // At the caller's RTP. The figures hold on two cores with nothing else to do.
    for (const { latencyMs } of [hours, parking, appointment, person]) {
      expect(latencyMs.atCallerMs).toBeGreaterThan(PAUSE_MS / 2);
      expect(latencyMs.atCallerMs).toBeLessThanOrEqual(PAUSE_MS + 60);
    }
    expect(result.bargeInMs).toBeLessThan(180);
    expect(result.failover.killMs).toBeLessThan(150 + (await slowerBy()));
    expect(folder.processes()).toEqual([]);
  });
});
