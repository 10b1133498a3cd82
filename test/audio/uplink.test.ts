import { expect, test } from "vitest";
import { Uplink } from "../../src/audio/uplink.ts";
import type { Clock } from "../../src/base/clock.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const bytes = (samples: number[]): Uint8Array => new Uint8Array(Int16Array.from(samples).buffer);

function listenTo(uplink: Uplink): number[][] {
  const frames: number[][] = [];
  uplink.onFrame(({ pcm }) => frames.push([...pcm]));
  return frames;
}

test("a caller who pauses without sending is silent from 40 ms on, and heard again at once", async () => {
  const clock = new VirtualClock();
  const uplink = new Uplink({ clock, rate: 8000 });
  const frames = listenTo(uplink);
  uplink.push(bytes(new Array(160).fill(5)));
  await clock.advance(39);
  expect(frames).toHaveLength(1);
  await clock.advance(41);
  expect(frames).toHaveLength(4);
  expect(
    frames
      .slice(1)
      .flat()
      .every((sample) => sample === 0),
  ).toBe(true);
  uplink.push(bytes(new Array(160).fill(6)));
  expect(frames[4]).toEqual(new Array(160).fill(6));
  uplink.close();
  await clock.advance(1000);
  expect(frames).toHaveLength(5);
  expect(clock.pending).toBe(0);
});

test("packets of any length become frames of 20 ms, every sample once and in order", () => {
  const uplink = new Uplink({ clock: new VirtualClock(), rate: 8000 });
  const frames = listenTo(uplink);
  const samples = Array.from({ length: 960 }, (_, index) => index);
  for (let at = 0; at < samples.length; at += 240) uplink.push(bytes(samples.slice(at, at + 240)));
  expect(frames.flat()).toEqual(samples);
  expect(frames).toHaveLength(6);
  uplink.close();
});

test("what is left of a packet is heard before the silence", async () => {
  const clock = new VirtualClock();
  const uplink = new Uplink({ clock, rate: 8000 });
  const frames = listenTo(uplink);
  uplink.push(bytes(new Array(80).fill(7)));
  await clock.advance(40);
  expect(frames[0]).toEqual([...new Array(80).fill(7), ...new Array(80).fill(0)]);
  uplink.close();
});

test("bytes that lie at an odd place are samples too", () => {
  const uplink = new Uplink({ clock: new VirtualClock(), rate: 8000 });
  const frames = listenTo(uplink);
  const odd = new Uint8Array(321);
  odd.set(bytes(new Array(160).fill(-3)), 1);
  uplink.push(odd.subarray(1));
  expect(frames).toEqual([new Array(160).fill(-3)]);
  uplink.close();
});

test("a process that was held up puts no silence between words that wait to be read", async () => {
  const virtual = new VirtualClock();
  let heldUpMs = 0;
  const clock: Clock = {
    now: () => virtual.now() + heldUpMs,
    wall: () => virtual.wall(),
    after: (ms, run) => virtual.after(ms, run),
    every: (ms, run) => virtual.every(ms, run),
    sleep: (ms, signal) => virtual.sleep(ms, signal),
  };
  const uplink = new Uplink({ clock, rate: 8000 });
  const frames = listenTo(uplink);
  uplink.push(bytes(new Array(160).fill(5)));
  await virtual.advance(19);
  heldUpMs = 60;
  await virtual.advance(1);
  expect(frames).toHaveLength(1);
  uplink.push(bytes(new Array(160).fill(6)));
  await virtual.advance(39);
  expect(frames).toHaveLength(2);
  await virtual.advance(1);
  expect(frames[2]).toEqual(new Array(160).fill(0));
  uplink.close();
});
