import { expect, test } from "vitest";
import { Arrivals } from "../../src/audio/arrivals.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function line() {
  const clock = new VirtualClock();
  const heard: number[] = [];
  const arrivals = new Arrivals({ clock, rate: 8000, deliver: (data) => void heard.push(data[0] ?? -1) });
  let said = 0;
  const packet = (): Uint8Array => new Uint8Array(320).fill(said++ % 250);
  const talk = async (packets: number): Promise<void> => {
    for (let index = 0; index < packets; index += 1) {
      await clock.advance(20);
      arrivals.push(packet());
    }
  };
  return { clock, arrivals, heard, packet, talk };
}

test("what a caller says in its own time is heard in the tick in which it comes", async () => {
  const { clock, arrivals, heard, talk } = line();
  await talk(100);
  expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect([arrivals.stale, clock.pending]).toEqual([0, 0]);
});

test("after eight seconds in which nobody listened the newest half second is heard, and all before is counted and forgotten", async () => {
  const { clock, arrivals, heard, packet, talk } = line();
  await talk(10);
  await clock.advance(8000);
  const backlog = Array.from({ length: 200 }, packet);
  for (const data of backlog) arrivals.push(data);
  await clock.advance(6);
  expect(heard.slice(10)).toEqual(backlog.slice(-25).map((data) => data[0]));
  expect(arrivals.stale).toBe(175);
  await talk(50);
  expect(heard).toHaveLength(85);
  expect(arrivals.stale).toBe(175);
});

test("a backlog that comes in pieces, each faster than it was spoken, is one all the same", async () => {
  const { clock, arrivals, heard, packet } = line();
  await clock.advance(8000);
  for (let index = 0; index < 400; index += 1) {
    arrivals.push(packet());
    await clock.advance(2);
  }
  await clock.advance(6);
  expect(heard).toHaveLength(25);
  expect(arrivals.stale).toBe(375);
});

test("a busy moment of 300 ms costs no word", async () => {
  const { clock, arrivals, heard, packet, talk } = line();
  await talk(10);
  await clock.advance(300);
  for (let index = 0; index < 15; index += 1) arrivals.push(packet());
  await clock.advance(6);
  await talk(10);
  expect(heard).toEqual(Array.from({ length: 35 }, (_, index) => index));
  expect(arrivals.stale).toBe(0);
});

test("packets that wait for judgement are not mixed up with the buffer that they came in", async () => {
  const { clock, arrivals, heard } = line();
  await clock.advance(500);
  const buffer = new Uint8Array(320);
  for (const value of [7, 8, 9]) arrivals.push(buffer.fill(value));
  buffer.fill(99);
  await clock.advance(6);
  expect(heard).toEqual([7, 8, 9]);
});

test("what is no packet of a call is refused: nothing, odd sizes, more than 60 ms", () => {
  const { arrivals, heard } = line();
  for (const size of [0, 1, 319, 321, 330, 1120, 64_000]) expect(arrivals.push(new Uint8Array(size))).toBe(false);
  for (const size of [160, 320, 480, 960]) expect(arrivals.push(new Uint8Array(size))).toBe(true);
  expect(heard).toHaveLength(4);
});

test("a call that ends amid a backlog leaves no timer", async () => {
  const { clock, arrivals, heard, packet } = line();
  await clock.advance(1000);
  arrivals.push(packet());
  arrivals.close();
  await clock.advance(100);
  expect([heard.length, clock.pending]).toEqual([0, 0]);
});
