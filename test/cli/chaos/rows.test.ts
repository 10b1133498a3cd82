import { describe, expect, test } from "vitest";
import { fateOf } from "../../../src/cli/chaos/fate.ts";
import { type Fate, PROMISED, rowOf, skippedRow, verdictOf, verdictText } from "../../../src/cli/chaos/rows.ts";

const spell = (startMs: number, endMs: number) => ({ startMs, endMs, over: true });
const before = { faultMs: 1000, ended: undefined, menuMs: undefined, attempt: undefined };

describe("what a caller had of a fault", () => {
  test("a call that ended is lost, whatever was heard in it", () => {
    const ended = { ...before, ended: "normal", menuMs: 1300, attempt: 2, spells: [spell(0, 3000)] };
    expect(fateOf(ended)).toEqual({ kind: "lost", cause: "normal" });
  });

  test("the menu's time is its first sound's", () => {
    expect(fateOf({ ...before, menuMs: 1512.4, spells: [] })).toEqual({ kind: "menu", toSoundMs: 512 });
  });

  test("the next worker's time is the end of the silence that the dead one left, not of a pause in either's words", () => {
    const spells = [spell(0, 1050), spell(1170, 1230), spell(1700, 2200), spell(2900, 4000)];
    expect(fateOf({ ...before, attempt: 2, spells })).toEqual({ kind: "resumed", toSoundMs: 700 });
  });

  test("a caller whose agent was silent when the worker died waits from the death on", () => {
    const spells = [spell(0, 400), spell(1450, 2200)];
    expect(fateOf({ ...before, attempt: 2, spells })).toEqual({ kind: "resumed", toSoundMs: 450 });
  });

  test("a worker that has the call but is not heard leaves the caller in silence", () => {
    expect(fateOf({ ...before, attempt: 2, spells: [spell(0, 1100)] })).toEqual({ kind: "silent" });
  });

  test("a voice that nobody of the service has is not taken for the agent's", () => {
    expect(fateOf({ ...before, spells: [spell(0, 1100), spell(1500, 4000)] })).toEqual({ kind: "silent" });
  });

  test("a worker that has the call still went on, however long its pauses are", () => {
    const spells = [spell(0, 700), spell(1200, 1500), spell(1900, 4000)];
    expect(fateOf({ ...before, attempt: 1, spells })).toEqual({ kind: "wentOn", gapMs: 400 });
  });
});

describe("the row of a fault", () => {
  const kill = { mustHit: true };
  const fine: Fate[] = [
    { kind: "resumed", toSoundMs: 270 },
    { kind: "menu", toSoundMs: 900 },
    { kind: "wentOn", gapMs: 300 },
  ];

  test("counts every caller once, and has the longest time of those that were hit", () => {
    const row = rowOf("kill", fine, kill);
    expect(row).toMatchObject({
      fault: "kill",
      up: 3,
      lost: 0,
      toSoundMs: 900,
      resumed: 1,
      menu: 1,
      wentOn: 1,
      wrong: [],
    });
    expect(row.heard).toContain("1 the menu after 900 ms");
  });

  test.each<[string, Fate]>([
    ["a call that ended", { kind: "lost", cause: "normal" }],
    ["a caller in silence", { kind: "silent" }],
    ["a menu that is late", { kind: "menu", toSoundMs: PROMISED.menuMs + 1 }],
    ["an agent that is back late", { kind: "resumed", toSoundMs: PROMISED.resumedMs + 1 }],
    ["an agent that fell silent for long", { kind: "wentOn", gapMs: PROMISED.gapMs + 1 }],
  ])("%s is not as promised", (_, fate) => {
    const row = rowOf("kill", [...fine, fate], kill);
    expect(row.wrong).toHaveLength(1);
    const verdict = verdictOf([rowOf("kill", fine, kill), row]);
    expect(verdict.ok).toBe(false);
    expect(verdictText(verdict)).toContain(`kill: ${row.wrong[0]}\nNOT AS PROMISED.`);
  });

  test("a kill that reached no call has shown nothing, a supervisor's death need reach none", () => {
    const untouched: Fate[] = [{ kind: "wentOn", gapMs: 0 }];
    expect(verdictOf([rowOf("kill", untouched, kill)]).ok).toBe(false);
    expect(verdictOf([rowOf("supervisor", untouched, { mustHit: false })]).ok).toBe(true);
  });

  test("what was not tried says why, and is no success by itself", () => {
    const skipped = skippedRow("supervisor", "it is no unit of systemd");
    expect(verdictOf([skipped]).ok).toBe(false);
    const verdict = verdictOf([skipped, rowOf("kill", fine, kill)]);
    expect(verdict.ok).toBe(true);
    expect(verdictText(verdict)).toContain("not tried: it is no unit of systemd");
    expect(verdictText(verdict)).toContain("1 faults tried, 1 not");
  });
});
