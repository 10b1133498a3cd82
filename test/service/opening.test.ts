import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import type { Hours } from "../../src/call/hours.ts";
import { noOverrides, overrideFor, withOverride } from "../../src/call/override.ts";
import { untilOf } from "../../src/cli/override.ts";
import { Opening } from "../../src/service/opening.ts";
import { overrideFile, readOverrides, writeOverrides } from "../../src/store/override-file.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const never: Hours = {
  zone: "Europe/Berlin",
  week: [{ days: [1], from: 540, to: 541 }],
  open: [],
  holidays: [],
  closed: [],
  special: [],
};

function house() {
  const stateDir = mkdtempSync(join(tmpdir(), "sidetone-opening-"));
  folders.push(stateDir);
  const clock = new VirtualClock();
  const metrics = createMetrics();
  const config = {
    agents: { day: { hours: "never" }, night: {} },
    people: { sales: { hours: "never" }, support: {} },
    hours: { never },
  } as never;
  const start = () => new Opening({ clock, log: silentLog, metrics, stateDir, config: () => config });
  return { clock, metrics, start, stateDir };
}

test("agents and people keep to their hours, and who has none is always there", () => {
  const { start } = house();
  const opening = start();
  expect([opening.agentIsOpen("day"), opening.agentIsOpen("night")]).toEqual([false, true]);
  expect(opening.hoursOf("support", "en")).toEqual({ open: true });
  expect(opening.hoursOf("nobody", "en")).toEqual({ open: true });
  expect(opening.hoursOf("sales", "en")).toEqual({ open: false, opens: "Monday 09:00" });
  expect(opening.hoursOf("sales", "de")).toEqual({ open: false, opens: "Montag 09:00" });
});

test("what is dialled holds for all, over restarts, until it is taken back, and is shown", async () => {
  const { start, metrics } = house();
  const opening = start();
  opening.dialled("closed");
  expect([opening.agentIsOpen("night"), opening.hoursOf("support", "en").open]).toEqual([false, false]);
  const again = start();
  expect(again.agentIsOpen("night")).toBe(false);
  expect(again.sentences()[0]).toMatch(/^All agents are closed by hand until it is taken back \(by telephone, since /);
  expect(await metrics.registry.metrics()).toMatch(/sidetone_overridden\{agent="night"\} 1/);
  again.dialled("off");
  expect([again.agentIsOpen("night"), again.sentences()]).toEqual([true, []]);
  expect(await metrics.registry.metrics()).toMatch(/sidetone_open\{agent="night"\} 1/);
});

test("what a command has written holds within a second, for one agent, until its time is over", async () => {
  const { start, stateDir, clock } = house();
  const opening = start();
  const stop = opening.watch();
  const since = clock.wall();
  const file = overrideFile(stateDir);
  const open = { state: "open", until: since + 3_600_000, since, by: "command" } as const;
  writeOverrides(file, withOverride(readOverrides(file), "day", open, since));
  await clock.advance(1_000);
  expect([opening.agentIsOpen("day"), opening.hoursOf("sales", "en").open]).toEqual([true, false]);
  await clock.advance(3_600_000);
  expect(opening.agentIsOpen("day")).toBe(false);
  stop();
  expect(clock.pending).toBe(0);
});

test("an agent's own word goes before everybody's, and what is over is forgotten", () => {
  const all = { state: "closed", until: null, since: 0, by: "command" } as const;
  const own = { state: "open", until: 100, since: 0, by: "command" } as const;
  const both = withOverride(withOverride(noOverrides, undefined, all, 0), "day", own, 0);
  expect([99, 100].map((at) => overrideFor(both, "day", at)?.state)).toEqual(["open", "closed"]);
  expect(overrideFor(both, "night", 0)?.state).toBe("closed");
  expect(withOverride(both, undefined, undefined, 100)).toEqual({ agents: {} });
});

test("a file that is none closes nobody", () => {
  const { start, stateDir } = house();
  writeFileSync(overrideFile(stateDir), "{ this is no file of ours");
  expect(start().agentIsOpen("night")).toBe(true);
});

test("an administrator says until when, in the words of a clock", () => {
  const now = Date.parse("2026-11-26T12:00Z");
  const until = (text: string) => untilOf(text, now, "Europe/Berlin");
  expect(until("90m")).toBe(now + 90 * 60_000);
  expect(until("2d")).toBe(now + 2 * 86_400_000);
  expect(until("18:00")).toBe(Date.parse("2026-11-26T17:00Z"));
  expect(until("12:59")).toBe(Date.parse("2026-11-27T11:59Z"));
  expect(until("2026-12-24T18:00")).toBe(Date.parse("2026-12-24T17:00Z"));
  expect(["", "soon", "25:61", "9:00", "-1h", "99999h"].map(until)).toEqual(Array(6).fill(undefined));
});
