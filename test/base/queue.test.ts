import { describe, expect, test } from "vitest";
import { BoundedQueue } from "../../src/base/queue.ts";
import { settle } from "../support/virtual-clock.ts";

async function readAll<T>(queue: BoundedQueue<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of queue) read.push(item);
  return read;
}

describe("a bounded queue", () => {
  test("is read in order, before and after its reader came", async () => {
    const queue = new BoundedQueue<number>(10);
    queue.push(1);
    const reading = readAll(queue);
    await settle();
    queue.push(2);
    queue.push(3);
    await settle();
    queue.push(4);
    queue.close();
    expect(await reading).toEqual([1, 2, 3, 4]);
    expect(queue.push(5)).toBe(false);
  });

  test("forgets the oldest when its reader is slow, and counts that", async () => {
    const queue = new BoundedQueue<number>(3);
    for (let i = 0; i < 50; i++) queue.push(i);
    expect(queue.dropped).toBe(47);
    expect(queue.length).toBe(3);
    queue.close();
    expect(await readAll(queue)).toEqual([47, 48, 49]);
  });

  test("keeps its order when more comes than it began with", () => {
    const queue = new BoundedQueue<number>(100);
    const read: (number | undefined)[] = [];
    for (let i = 0; i < 150; i++) {
      queue.push(i);
      // Its beginning wanders, so that what is kept does not begin at the first place when it grows.
      if (i % 3 === 0) read.push(queue.shift());
    }
    while (queue.length > 0) read.push(queue.shift());
    expect(read).toEqual(Array.from({ length: 150 }, (_, i) => i));
    expect(queue.dropped).toBe(0);
  });

  test("tells its reader of a failure after what came before it", async () => {
    const queue = new BoundedQueue<number>(3);
    queue.push(1);
    queue.fail(new Error("the ear is lost"));
    queue.fail(new Error("a second time"));
    const read: number[] = [];
    await expect(
      (async () => {
        for await (const item of queue) read.push(item);
      })(),
    ).rejects.toThrow("the ear is lost");
    expect(read).toEqual([1]);
  });

  test("is closed by a reader that leaves", async () => {
    const queue = new BoundedQueue<number>(3);
    queue.push(1);
    for await (const _ of queue) break;
    expect(queue.closed).toBe(true);
  });

  test("has one reader at a time, and a limit", async () => {
    const queue = new BoundedQueue<number>(3);
    const first = readAll(queue);
    await settle();
    await expect(readAll(queue)).rejects.toThrow("one reader");
    queue.close();
    expect(await first).toEqual([]);
    expect(() => new BoundedQueue(0)).toThrow(RangeError);
  });
});
