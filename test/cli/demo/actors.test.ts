import { expect, test } from "vitest";
import { Recording } from "../../../src/caller/recording.ts";
import { heardSound, LINE_RATE } from "../../../src/cli/demo/actors.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const PACKET = LINE_RATE / 50;

/** Noise that is the same for the same seed. */
function noise(samples: number, seed: number): Int16Array {
  let state = seed;
  return Int16Array.from({ length: samples }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 16) - 16384;
  });
}

/** A caller who receives `sound` from `atMs` on, and something else before. Counted is how much is looked at in one look. */
function caller(clock: VirtualClock, sound: Int16Array, atMs: number) {
  const received = new Recording({ rate: LINE_RATE, startMs: clock.now() });
  const other = noise(30 * LINE_RATE, 3);
  const at = (atMs * LINE_RATE) / 1000;
  let position = 0;
  let looked = 0;
  const tick = (): void => {
    const end = position + PACKET;
    const packet =
      position < at || end > at + sound.length ? other.subarray(position, end) : sound.subarray(position - at);
    received.write(position, packet.slice(0, PACKET));
    position = end;
    if (position < other.length - PACKET) clock.after(20, tick);
  };
  tick();
  const samples = (stretch: { fromMs?: number }): Int16Array => {
    const copy = received.samples(stretch);
    looked = Math.max(looked, copy.length);
    return copy;
  };
  const sent = new Recording({ rate: LINE_RATE, startMs: clock.now() });
  const leg = {
    recordings: { sent, received: Object.assign(Object.create(received) as Recording, { samples }) },
    signal: new AbortController().signal,
  };
  return { leg, looked: () => looked };
}

test("what a caller hears late is found where it begins, and he does not search all that came before over and over", async () => {
  const clock = new VirtualClock();
  const sound = noise(3 * LINE_RATE, 1);
  const { leg, looked } = caller(clock, sound, 8000);
  const { signal } = leg;
  const sinceMs = clock.now();
  const heard = heardSound(leg, { sound, sinceMs, withinMs: 20_000, clock, signal });
  await clock.advance(11_000);
  expect((await heard) ?? 0).toBeCloseTo(sinceMs + 8000, 0);
  expect(looked()).toBeLessThan(3 * LINE_RATE);
});

test("what a caller does not hear is given up when its time is over", async () => {
  const clock = new VirtualClock();
  const { leg } = caller(clock, noise(2 * LINE_RATE, 1), 1000);
  const { signal } = leg;
  const heard = heardSound(leg, { sound: noise(2 * LINE_RATE, 7), sinceMs: 0, withinMs: 4000, clock, signal });
  await clock.advance(6000);
  expect(await heard).toBeUndefined();
});
