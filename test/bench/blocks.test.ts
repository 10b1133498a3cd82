import { expect, test } from "vitest";
import { blocksOf } from "../../bench/worker/blocks.ts";

const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 0 });

// A profile by hand: root, idle, and a function of ours with one of Node's below it. One sample a millisecond.
const nodes = [
  { id: 1, callFrame: frame("(root)"), children: [2, 3] },
  { id: 2, callFrame: frame("(idle)") },
  { id: 3, callFrame: frame("push", "file:///home/me/sidetone/src/audio/echo.ts"), children: [4] },
  { id: 4, callFrame: frame("write", "node:net") },
];
const profile = (samples: number[]) => ({ nodes, samples, timeDeltas: samples.map(() => 1000), startTime: 0 });

test("what holds the event loop for too long is told with its place; what rests in between is not", () => {
  const long = [2, 3, 3, 4, 4, 3, 3, 3, 2, 2];
  expect(blocksOf(profile(long), 5)).toEqual([{ ms: 7, where: [{ name: "push src/audio/echo.ts", ms: 7 }] }]);
  expect(blocksOf(profile([2, 3, 3, 3, 2, 4, 4, 4, 2, 2]), 5)).toEqual([]);
});
