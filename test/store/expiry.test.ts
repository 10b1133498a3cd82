import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { expireRegularly } from "../../src/store/expiry.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function expiring() {
  const clock = new VirtualClock();
  const said: object[] = [];
  const runs: number[] = [];
  const log = { ...silentLog, warn: (fields: object) => void said.push(fields) };
  const timer = expireRegularly({ clock, log }, () => void runs.push(clock.now() / HOUR_MS));
  return { clock, said, runs, timer };
}

test("old records are looked for a minute after the start, and every hour", async () => {
  const { clock, said, runs, timer } = expiring();
  await clock.advance(3 * HOUR_MS);
  expect(runs).toEqual([1 / 60, 1, 2, 3]);
  expect(said).toEqual([]);
  timer.cancel();
  expect(clock.pending).toBe(0);
});

test("a clock that jumps a year ahead costs no record, where it is put right within a day", async () => {
  const { clock, said, runs } = expiring();
  await clock.advance(1.5 * HOUR_MS);
  clock.jump(365 * DAY_MS);
  await clock.advance(5 * HOUR_MS);
  clock.jump(-365 * DAY_MS);
  await clock.advance(DAY_MS);
  expect(runs).toEqual([1 / 60, 1]);
  expect(said).toEqual([{ jumpSeconds: 365 * 86_400 }, { jumpSeconds: -365 * 86_400 }]);
  await clock.advance(HOUR_MS);
  expect(runs).toHaveLength(3);
});

test("a clock that stays where it jumped to is believed after a day, and small corrections at once", async () => {
  const { clock, said, runs } = expiring();
  for (let hour = 0; hour < 5; hour++) {
    clock.jump(5 * 60_000 * (hour % 2 === 0 ? 1 : -1));
    await clock.advance(HOUR_MS);
  }
  expect([runs.length, said.length]).toEqual([6, 0]);
  clock.jump(10 * DAY_MS);
  await clock.advance(DAY_MS);
  expect(runs).toHaveLength(6);
  await clock.advance(HOUR_MS);
  expect(runs).toHaveLength(7);
});
