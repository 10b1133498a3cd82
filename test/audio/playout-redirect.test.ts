import { expect, test } from "vitest";
import { Playout } from "../../src/audio/playout.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const frame = (value: number) => ({ pcm: new Int16Array(160).fill(value), rate: 8000 as const });

function far() {
  const speech: { value: number; atMs: number }[] = [];
  let flushes = 0;
  const clock = new VirtualClock();
  const sink = {
    send: (pcm: Int16Array, speaks: boolean): void => {
      if (speaks) speech.push({ value: pcm[0] ?? 0, atMs: clock.now() });
    },
    flush: (): void => {
      flushes += 1;
    },
  };
  return { clock, sink, speech, flushed: () => flushes };
}

test("a reply that must go another way goes on there from what was not heard", async () => {
  const { clock, sink, speech } = far();
  const other = {
    send: (pcm: Int16Array, speaks: boolean) => void (speaks && second.push(pcm[0] ?? 0)),
    flush: () => {},
  };
  const second: number[] = [];
  const playout = new Playout({ clock, rate: 8000, leadMs: 100, queueMs: 1000, sink });
  playout.start();
  for (let value = 1; value <= 20; value += 1) playout.write(frame(value));
  await clock.advance(125);
  const heardMs = playout.heardMs;
  playout.redirect({ sink: other, leadMs: 200, sinkDelayMs: 50 });
  await clock.advance(1000);
  const first = Math.ceil(heardMs / 20);
  expect(speech.length).toBeGreaterThan(first);
  expect(second).toEqual(Array.from({ length: 20 - first }, (_, index) => first + index + 1));
  expect(playout.heardMs).toBe(400);
  playout.close();
});

test("where we pace, a reply's frames are never more than 40 ms ahead, and its first leaves at once", async () => {
  const { clock, sink, speech } = far();
  const playout = new Playout({ clock, rate: 8000, leadMs: 0, queueMs: 1000, sink });
  playout.start();
  for (let reply = 0; reply < 30; reply += 1) {
    await clock.advance(53);
    const startMs = clock.now();
    const before = speech.length;
    for (let value = 1; value <= 10; value += 1) playout.write(frame(value));
    expect(speech[before]?.atMs).toBe(startMs);
    await clock.advance(100);
    for (const [index, { atMs }] of speech.slice(before).entries())
      expect(index * 20 - (atMs - startMs)).toBeLessThanOrEqual(1);
    playout.clear();
  }
  playout.close();
});

test("an hour of speech is as many frames as it is long: the clock does not drift", () => {
  const { clock, sink, speech } = far();
  const playout = new Playout({ clock, rate: 8000, leadMs: 0, queueMs: 1000, sink });
  playout.start();
  const sound = frame(5);
  for (let second = 0; second < 3600; second += 1) {
    for (let index = 0; index < 50; index += 1) playout.write(sound);
    clock.advanceSync(1000);
  }
  expect(Math.abs(speech.length - 180_000)).toBeLessThanOrEqual(1);
  expect(playout.late).toBe(0);
  playout.close();
});

test("frames that leave after a busy moment are counted as late", async () => {
  const { clock, sink } = far();
  const playout = new Playout({ clock, rate: 8000, leadMs: 0, queueMs: 1000, sink });
  playout.start();
  for (let value = 1; value <= 40; value += 1) playout.write(frame(value));
  await clock.advance(200);
  expect(playout.late).toBe(0);
  clock.stall(75);
  await clock.advance(200);
  expect(playout.late).toBe(2);
  playout.close();
});
