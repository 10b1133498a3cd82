import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findSound } from "../../src/audio/correlate.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";
import { until } from "./recorded-pbx.ts";

const PART = 800;
/** A part that is not there is found anywhere in eight seconds. */
const SLIP_MS = 100;
const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("a recorded call whose worker is killed", () => {
  let whole: WholeService;

  beforeAll(async () => {
    const settings = { recording: { mode: "call", consent: "announce" } };
    if (install) whole = await startWholeService(install, { settings });
  }, 120_000);
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
  });

  test("has the agent's words, the menu and the caller's end in one file, which the next worker makes", async () => {
    const { service, phone, menu, dir } = whole;
    const signal = AbortSignal.timeout(30_000);
    const pid = await service.workerPid();
    const leg = await phone.call("4100", { codec: "ulaw", signal });
    await leg.answered;
    // The announcement, and then the greeting.
    await leg.heard.soundFor({ ms: 2500, sinceMs: leg.times.answeredMs ?? 0, signal });
    const killedMs = systemClock.now();
    process.kill(pid, "SIGKILL");
    const menuMs = await heardSound(leg, {
      sound: menu,
      sinceMs: killedMs,
      withinMs: 5000,
      clock: systemClock,
      signal,
    });
    expect(menuMs, "the menu").toBeDefined();
    await leg.heard.soundFor({ ms: 600, sinceMs: menuMs ?? 0, signal });
    await leg.hangUp();
    const files = async (): Promise<string[]> =>
      (await readdir(join(dir, "state/recordings"), { recursive: true })).filter((name) => name.endsWith(".wav"));
    await until(async () => (await files()).length === 1, 45_000);
    const [file = ""] = await files();
    expect(file).toMatch(/^\d{4}\/\d\d\/\d\d\/\d{6}-\d+\.\d+\.wav$/);
    const { channels } = readWav(await readFile(join(dir, "state/recordings", file)));
    const right = channels[1] ?? new Int16Array();
    // The menu asks again after ten seconds: only its first time counts.
    const once = right.subarray(0, 8 * 8000);
    // The menu, a tenth of a second at a time: some frames may slip where one voice ends and the next begins, or on a busy machine.
    const places = Array.from({ length: 10 }, (_, part) => {
      const sound = menu.subarray(part * PART, (part + 1) * PART);
      return (findSound({ sound, recording: once }).lag - part * PART) / 8;
    });
    const middle = places.toSorted((a, b) => a - b)[5] ?? 0;
    expect(
      places.filter((place) => Math.abs(place - middle) <= SLIP_MS).length,
      places.join(" "),
    ).toBeGreaterThanOrEqual(8);
    expect(await readdir(join(dir, "state/recordings/incoming"))).toEqual([]);
  }, 120_000);
});
