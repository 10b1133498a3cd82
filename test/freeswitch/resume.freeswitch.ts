import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { HeardFirst } from "../support/heard-first.ts";
import { report, Stand } from "./stand.ts";

const KILLS = process.env.SIDETONE_FIGURES ? 20 : 6;
const RESUMED_MS = 1500;
const MENU_MS = 1200;

describe("two services on one FreeSWITCH, with one journal", () => {
  const resumed = new Set<string>();
  let stand: Stand;

  beforeAll(async () => {
    stand = await Stand.open();
    await stand.serve();
    await stand.serve();
  }, 120_000);
  afterEach(() => stand?.quiet());
  afterAll(() => stand?.close(), 60_000);

  test(`a worker killed in mid-sentence: the other one's voice, ${KILLS} times`, { timeout: 480_000 }, async () => {
    const heard: HeardFirst[] = [];
    while (heard.length < KILLS) {
      await stand.up(2);
      const { id, leg, pid } = await stand.greeted();
      heard.push(...(await stand.hurt("SIGKILL", [pid], leg)));
      if (heard.at(-1)?.what === "sibling") resumed.add(id);
      await stand.quiet();
    }
    report("kill to the other worker's first sound", heard);
    expect(heard.filter(({ what }) => what !== "sibling")).toEqual([]);
    expect(Math.max(...heard.map(({ ms }) => ms))).toBeLessThan(RESUMED_MS);
  });

  test("both killed in the same moment: the menu", { timeout: 90_000 }, async () => {
    const pids = await stand.up(2);
    const { leg } = await stand.greeted();
    const heard = await stand.hurt("SIGKILL", pids, leg);
    report("all killed to the menu's first sound", heard);
    expect(heard[0]?.what).toBe("menu");
    expect(heard[0]?.ms).toBeLessThan(MENU_MS);
  });

  test("killed, and then the one that went on as well: the menu", { timeout: 90_000 }, async () => {
    const pids = await stand.up(2);
    const { leg, pid } = await stand.greeted();
    const [first] = await stand.hurt("SIGKILL", [pid], leg);
    expect(first?.what).toBe("sibling");
    const others = pids.filter((other) => other !== pid);
    const heard = await stand.hurt("SIGKILL", others, leg);
    report("killed twice to the menu's first sound", heard);
    expect(heard[0]?.what).toBe("menu");
    expect(heard[0]?.ms).toBeLessThan(MENU_MS);
  });

  test("each of these calls has one record, with what was said before and after", { timeout: 60_000 }, async () => {
    await stand.up(2);
    const records = await stand.records();
    for (const id of stand.greetedIds) {
      const own = records.filter((record) => record.id.includes(id));
      expect(own.map((record) => record.id)).toEqual([id]);
      if (!resumed.has(id)) continue;
      const { attempt, fallbacks, turns } = own[0] ?? {};
      expect({ attempt, fallbacks }).toEqual({ attempt: 2, fallbacks: ["lost"] });
      // Nobody has said anything twice.
      const said = [/Harbour Clinic/, /^Sorry, the line was interrupted\./].map((words) =>
        expect.stringMatching(words),
      );
      expect(turns?.map(({ agent }) => agent)).toEqual(said);
    }
  });
});
