import { expect, test } from "vitest";
import { SampleTail } from "../../src/audio/tail.ts";

const count = (from: number, length: number) => Int16Array.from({ length }, (_, i) => from + i);

test("the last samples are kept, in their order, across the end of the memory", () => {
  const tail = new SampleTail(10);
  expect(tail.last(5)).toEqual(new Int16Array(0));
  tail.push(count(1, 4));
  expect(tail.last(10)).toEqual(count(1, 4));
  tail.push(count(5, 4));
  tail.push(count(9, 4));
  expect(tail.last(10)).toEqual(count(3, 10));
  expect(tail.last(3)).toEqual(count(10, 3));
  tail.push(count(13, 25));
  expect(tail.last(99)).toEqual(count(28, 10));
});
