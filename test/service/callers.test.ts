import { describe, expect, test } from "vitest";
import type { Log } from "../../src/base/log.ts";
import { Callers } from "../../src/service/callers.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function callers() {
  const clock = new VirtualClock();
  const warned: { calls?: number; message: string }[] = [];
  const nothing = (): void => undefined;
  const warn = (fields: object, message: string): void => void warned.push({ ...fields, message });
  const log: Log = { debug: nothing, info: nothing, warn, error: nothing, child: () => log };
  const told: string[] = [];
  return { clock, warned, told, callers: new Callers({ clock, log, tell: (caller) => told.push(caller) }) };
}

const NUMBER = "+4930123456";

describe("a number that calls again and again", () => {
  test("is let in so many times a minute, and again when a minute has passed", async () => {
    const { callers: it, clock } = callers();
    const admitted: boolean[] = [];
    for (let call = 0; call < 4; call++) {
      admitted.push(it.admit(NUMBER, 3));
      await clock.advance(10_000);
    }
    expect(admitted).toEqual([true, true, true, false]);
    await clock.advance(20_100);
    expect(it.admit(NUMBER, 3)).toBe(true);
    expect(it.admit(NUMBER, 3)).toBe(false);
  });

  test("costs nobody else a call", () => {
    const { callers: it } = callers();
    for (let call = 0; call < 10; call++) it.admit(NUMBER, 1);
    expect(it.admit("+4930123457", 1)).toBe(true);
  });

  test("is counted by all workers together, and no number is told", () => {
    const [here, there] = [callers(), callers()];
    here.callers.admit(NUMBER, 2);
    for (const caller of here.told) there.callers.came(caller);
    expect(there.callers.admit(NUMBER, 2)).toBe(true);
    expect(there.callers.admit(NUMBER, 2)).toBe(false);
    expect(here.told.join()).not.toContain("4930");
  });

  test("is told at once, then once a minute with the count, and then no more", async () => {
    const { callers: it, clock, warned } = callers();
    it.admit(NUMBER, 1);
    for (let second = 0; second < 120; second++) {
      for (let call = 0; call < 10; call++) it.admit(NUMBER, 1);
      await clock.advance(1000);
    }
    expect(warned.map(({ calls }) => calls)).toEqual([1, 599, 599]);
    expect(JSON.stringify(warned)).not.toContain("4930");
    await clock.advance(180_000);
    expect(warned).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  test.each(["", "anonymous", "Restricted", "unknown"])(
    'is not "%s": whoever withholds the number is let in',
    (number) => {
      const { callers: it } = callers();
      for (let call = 0; call < 10; call++) expect(it.admit(number, 1)).toBe(true);
    },
  );

  test("without a limit may call as often as it likes", () => {
    const { callers: it } = callers();
    for (let call = 0; call < 100; call++) expect(it.admit(NUMBER, 0)).toBe(true);
  });
});
