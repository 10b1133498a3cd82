import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CallLeg } from "../../src/caller/leg.ts";
import type { DemoService } from "../../src/cli/demo/service.ts";
import type { HeardFirst } from "../support/heard-first.ts";
import { middleOf, report, Stand } from "./stand.ts";

const figures = Boolean(process.env.SIDETONE_FIGURES);
const KILLS = figures ? 20 : 4;
const STOPS = figures ? 8 : 3;
const RESUMED_MS = 1500;
const MENU_MS = 1200;
/** The supervisor's 700 ms, and what a kill takes. */
const STOPPED_MS = 1500;

const LIMITS = { calls: 2, callerPerMinute: 0 };

// One after the other: each begins when both workers are up and no call is.
describe("a service with two workers beside a FreeSWITCH", () => {
  let stand: Stand;
  let service: DemoService;

  beforeAll(async () => {
    stand = await Stand.open();
    service = await stand.serve({ workers: 2, limits: LIMITS, supervisor: { restartMaxMs: 250 } });
  }, 120_000);
  afterEach(() => stand?.quiet());
  afterAll(() => stand?.close(), 60_000);

  /** The longest time without a packet from the agent's side. */
  function longestGapMs(leg: CallLeg): number {
    const fromMs = leg.times.answeredMs ?? 0;
    const at = [...leg.log.packets({ direction: "received", fromMs })].map(({ atMs }) => atMs);
    return Math.round(Math.max(...at.slice(1).map((atMs, index) => atMs - (at[index] ?? 0))));
  }

  async function hurtOften(signal: "SIGKILL" | "SIGSTOP", times: number): Promise<HeardFirst[]> {
    const heard: HeardFirst[] = [];
    while (heard.length < times) {
      await stand.up(2);
      const { leg, pid } = await stand.greeted();
      heard.push(...(await stand.hurt(signal, [pid], leg)));
      await stand.quiet();
    }
    return heard;
  }

  test(`a worker killed in mid-sentence: the other one's voice, ${KILLS} times`, { timeout: 480_000 }, async () => {
    const heard = await hurtOften("SIGKILL", KILLS);
    report("kill to the other worker's first sound", heard);
    expect(heard.filter(({ what }) => what !== "sibling")).toEqual([]);
    expect(middleOf(heard)).toBeLessThan(RESUMED_MS);
  });

  test(`a worker stopped in mid-sentence: the other one's voice, or the menu, ${STOPS} times`, {
    timeout: 240_000,
  }, async () => {
    const heard = await hurtOften("SIGSTOP", STOPS);
    report("stop to the first sound", heard);
    expect(heard.filter(({ what }) => what === "nothing")).toEqual([]);
    expect(middleOf(heard)).toBeLessThan(STOPPED_MS);
  });

  test("killed, and then the one that went on as well: the menu; so for all who are up when both are", {
    timeout: 120_000,
  }, async () => {
    const pids = await stand.up(2);
    const { leg, pid } = await stand.greeted();
    const [first] = await stand.hurt("SIGKILL", [pid], leg);
    expect(first?.what).toBe("sibling");
    const others = pids.filter((other) => other !== pid);
    const second = await stand.hurt("SIGKILL", others, leg);
    report("killed twice to the menu's first sound", second);
    await stand.quiet();

    const both = await stand.up(2);
    const { leg: last } = await stand.greeted();
    const all = await stand.hurt("SIGKILL", both, last);
    report("all killed to the menu's first sound", all);
    expect([...second, ...all].map(({ what }) => what)).toEqual(["menu", "menu"]);
    expect(Math.max(...[...second, ...all].map(({ ms }) => ms))).toBeLessThan(MENU_MS);
  });

  test("a call above the limit has the menu; those that are up go on", {
    timeout: 120_000,
  }, async () => {
    await stand.up(2);
    const up = [await stand.greeted(), await stand.greeted()];
    const refused = await stand.call();
    const heard = await stand.heard(refused, refused.times.startMs);
    report("INVITE above the limit to the menu's first sound", [heard]);
    expect(heard.what).toBe("menu");
    expect(await service.metrics()).toMatch(/^sidetone_fallbacks_total\{reason="overload",worker="\d"\} [1-9]/m);
    const gaps = up.map(({ leg }) => longestGapMs(leg));
    process.stdout.write(`longest gap in the calls that are up, ms: ${gaps.join(" ")}\n`);
    for (const { leg } of up) expect(leg.signal.aborted, "the call is still up").toBe(false);
  });

  test("leave one record for each call", { timeout: 60_000 }, async () => {
    await stand.up(2);
    const ids = (await stand.records()).map(({ id }) => id);
    for (const id of stand.greetedIds) expect(ids.filter((other) => other.includes(id))).toEqual([id]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
