import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { listenToHeart } from "../../src/supervisor/heart.ts";
import { starvedMs } from "../../src/supervisor/starved.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const listen = (clock: Clock) => {
  const silences: number[] = [];
  const heart = listenToHeart({ clock, heartbeatMs: 100, killAfterMs: 700, onSilent: (ms) => silences.push(ms) });
  return { heart, silences };
};

describe("the heart of a worker", () => {
  test("is missed once, 700 ms after its last beat", async () => {
    const clock = new VirtualClock();
    const { heart, silences } = listen(clock);
    for (let i = 0; i < 5; i++) {
      await clock.advance(100);
      heart.beat();
    }
    await clock.advance(699);
    expect(silences).toEqual([]);
    await clock.advance(51);
    expect(silences).toEqual([700]);
    await clock.advance(5000);
    expect(silences).toHaveLength(1);
  });

  test("may stall for 350 ms again and again", async () => {
    const clock = new VirtualClock();
    const { heart, silences } = listen(clock);
    for (let i = 0; i < 3; i++) {
      await clock.advance(450);
      heart.beat();
    }
    expect(silences).toEqual([]);
    heart.close();
    await clock.advance(5000);
    expect(silences).toEqual([]);
  });

  test("is not missed for the time in which nobody could listen", async () => {
    const clock = new VirtualClock();
    let skippedMs = 0;
    const stopped: Clock = { ...bind(clock), now: () => clock.now() + skippedMs };
    const { silences } = listen(stopped);
    await clock.advance(300);
    skippedMs = 10_000;
    await clock.advance(300);
    expect(silences).toEqual([]);
    await clock.advance(200);
    expect(silences).toHaveLength(1);
  });

  test("may wait for a processor, but not for ever", async () => {
    const clock = new VirtualClock();
    const silences: number[] = [];
    let starvedMs = 0;
    const options = { clock, heartbeatMs: 100, killAfterMs: 700, onSilent: (ms: number) => void silences.push(ms) };
    const heart = listenToHeart({ ...options, starvedMs: () => starvedMs });
    starvedMs = 200;
    await clock.advance(850);
    expect(silences).toEqual([]);
    heart.beat();
    await clock.advance(750);
    expect(silences, "what it waited before its last beat counts no more").toEqual([700]);

    const second = listenToHeart({ ...options, starvedMs: () => starvedMs });
    starvedMs += 5000;
    await clock.advance(1000);
    expect(silences).toHaveLength(1);
    await clock.advance(100);
    expect(silences).toEqual([700, 1050]);
    second.close();
  });

  test.skipIf(process.platform !== "linux")("the kernel tells how long a process waited for a processor", () => {
    const before = starvedMs(process.pid);
    expect(before).toBeGreaterThan(0);
    expect(starvedMs(process.pid)).toBeGreaterThanOrEqual(before);
    expect(starvedMs(undefined)).toBe(0);
    expect(starvedMs(2 ** 22 + 1)).toBe(0);
  });
});

const bind = (clock: VirtualClock): Clock => ({
  now: () => clock.now(),
  wall: () => clock.wall(),
  after: (ms, run) => clock.after(ms, run),
  every: (ms, run) => clock.every(ms, run),
  sleep: (ms, signal) => clock.sleep(ms, signal),
});
