import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { slowerBy } from "../support/teardown.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const KILLS = 20;
const NUMBER = "4100";
/** Where the kernel takes a process of a worker's size apart in 30 ms; where it takes longer, by so much more. */
const MENU_MS = 150;

const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("a worker that is killed in mid-sentence", () => {
  let whole: WholeService;

  beforeAll(async () => {
    // Twenty kills in a row are no reason to pause here.
    if (install) whole = await startWholeService(install, { settings: { supervisor: { restartMaxMs: 250 } } });
  });
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
  });

  /** One call whose agent is killed while it greets; returns when the menu's first sound was there. */
  async function killOnce(): Promise<number | undefined> {
    const { phone, service, menu } = whole;
    const signal = AbortSignal.timeout(20_000);
    await service.ready(signal);
    const pid = await service.workerPid();
    const leg = await phone.call(NUMBER, { codec: "ulaw", signal });
    try {
      await leg.answered;
      await leg.heard.soundFor({ ms: 400, sinceMs: leg.times.answeredMs ?? 0, signal });
      const killedMs = systemClock.now();
      process.kill(pid, "SIGKILL");
      const menuMs = await heardSound(leg, {
        sound: menu,
        sinceMs: killedMs,
        withinMs: 5000,
        clock: systemClock,
        signal,
      });
      expect(leg.signal.aborted, "the call is still up").toBe(false);
      return menuMs === undefined ? undefined : menuMs - killedMs;
    } finally {
      await leg.hangUp();
    }
  }

  test(`costs none of ${KILLS} callers the call: each is in the static menu`, { timeout: 180_000 }, async () => {
    const toMenuMs: (number | undefined)[] = [];
    for (let kill = 0; kill < KILLS; kill++) toMenuMs.push(await killOnce());
    const inMenu = toMenuMs.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    process.stdout.write(`kill to the menu's first sound, ms: ${inMenu.map(Math.round).join(" ")}\n`);
    expect(inMenu).toHaveLength(KILLS);
    // The machine is shared: one slow kill is its business, half of them ours.
    expect(inMenu[Math.floor(KILLS / 2)]).toBeLessThan(MENU_MS + (await slowerBy()));
  });

  test("leaves no channel behind", async () => {
    await expect
      .poll(() => whole.asterisk.cli("core show channels count"), { timeout: 5000 })
      .toMatch(/^0 active channels/m);
  });
});
