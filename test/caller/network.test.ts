import { expect, test } from "vitest";
import { type NetworkFaults, PoorNetwork } from "../../src/caller/network.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** Sends `count` numbered packets, one every 20 ms, and tells which arrived when. */
async function through(faults: NetworkFaults, count = 2_000): Promise<{ arrived: number[]; delays: number[] }> {
  const clock = new VirtualClock();
  const arrived: number[] = [];
  const delays: number[] = [];
  const deliver = (datagram: Uint8Array): void => {
    const index = new DataView(datagram.buffer).getUint32(0);
    arrived.push(index);
    delays.push(clock.now() - index * 20);
  };
  const network = new PoorNetwork(faults, { clock, deliver });
  for (let index = 0; index < count; index++) {
    const datagram = new Uint8Array(4);
    new DataView(datagram.buffer).setUint32(0, index);
    network.send(datagram);
    await clock.advance(20);
  }
  await clock.advance(1_000);
  expect(clock.pending).toBe(0);
  return { arrived, delays };
}

const inOrder = (numbers: readonly number[]): boolean =>
  numbers.every((one, at) => at === 0 || one >= (numbers[at - 1] ?? 0));

test("a good network changes nothing", async () => {
  const { arrived, delays } = await through({}, 100);
  expect(arrived).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(new Set(delays)).toEqual(new Set([0]));
});

test.each([1, 3, 10])("%s percent of the packets are lost, within what chance allows", async (lossPercent) => {
  const { arrived } = await through({ lossPercent, seed: 5 });
  const lost = 2_000 - arrived.length;
  const deviation = Math.sqrt(2_000 * (lossPercent / 100) * (1 - lossPercent / 100));
  expect(Math.abs(lost - 20 * lossPercent)).toBeLessThan(3 * deviation);
});

test.each([20, 60, 120])("jitter of %s ms delays by so much at most, and keeps the order", async (jitterMs) => {
  const { arrived, delays } = await through({ jitterMs, delayMs: 10 });
  expect(arrived).toHaveLength(2_000);
  expect(inOrder(arrived)).toBe(true);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...delays)).toBeLessThanOrEqual(10 + jitterMs);
  expect(Math.max(...delays)).toBeGreaterThan(10 + jitterMs * 0.8);
});

test("some packets are overtaken, some arrive twice", async () => {
  const { arrived } = await through({ reorderPercent: 5, duplicatePercent: 5 });
  expect(inOrder(arrived)).toBe(false);
  expect(new Set(arrived).size).toBe(2_000);
  expect(arrived.length).toBeGreaterThan(2_050);
  expect(arrived.length).toBeLessThan(2_150);
});

test("the same seed has the same fate, another one another", async () => {
  const [one, same, other] = await Promise.all([1, 1, 2].map((seed) => through({ lossPercent: 10, seed }, 300)));
  expect(one?.arrived).toEqual(same?.arrived);
  expect(one?.arrived).not.toEqual(other?.arrived);
});

test("what is under way when the call ends is lost, and leaves no timer", async () => {
  const clock = new VirtualClock();
  const network = new PoorNetwork(
    { delayMs: 50 },
    { clock, deliver: () => expect.unreachable("a packet after the end") },
  );
  network.send(new Uint8Array(4));
  network.close();
  network.send(new Uint8Array(4));
  await clock.advance(100);
  expect(clock.pending).toBe(0);
});
