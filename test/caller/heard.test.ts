import { expect, test } from "vitest";
import { Heard } from "../../src/caller/heard.ts";

const never = new AbortController().signal;

/** Packets of 20 ms: "#" is loud, "." is quiet, " " did not come. */
function hear(heard: Heard, line: string, fromMs = 0): void {
  [...line].forEach((mark, index) => {
    const atMs = fromMs + index * 20;
    if (mark === " ") heard.tick(atMs);
    else heard.packet({ atMs, levelDbov: mark === "#" ? -20 : -60, durationMs: 20 });
  });
}

test("a sound begins with its first audible packet and ends with its last", () => {
  const heard = new Heard({ hangoverMs: 100 });
  hear(heard, "...###......");
  expect(heard.spells).toEqual([{ startMs: 60, endMs: 120, over: true }]);
});

test("a click is no sound", () => {
  const heard = new Heard({ hangoverMs: 100 });
  hear(heard, "..#.....#....");
  expect(heard.spells).toEqual([]);
});

test("the gaps between words do not end a sound", () => {
  const heard = new Heard({ hangoverMs: 100 });
  hear(heard, "###..##..##.......");
  expect(heard.spells).toHaveLength(1);
});

test("an agent that falls silent by sending nothing has fallen silent", () => {
  const heard = new Heard({ hangoverMs: 100 });
  const edges: string[] = [];
  heard.onEdge(({ type, atMs }) => edges.push(`${type} ${atMs}`));
  hear(heard, "####         ");
  expect(edges).toEqual(["sound 0", "silence 80"]);
});

test("who waits for sound and silence is told when they come", async () => {
  const heard = new Heard({ hangoverMs: 100 });
  const sound = heard.sound({ signal: never });
  const long = heard.soundFor({ ms: 60, sinceMs: 0, signal: never });
  hear(heard, "..####");
  expect(await sound).toBe(40);
  expect(await long).toBe(40);
  const silence = heard.silence({ ms: 200, signal: never });
  hear(heard, "...........", 120);
  expect(await silence).toBe(120);
});

test("a wait ends with its signal, and leaves nothing behind", async () => {
  const heard = new Heard();
  const gone = new AbortController();
  const sound = heard.sound({ signal: gone.signal });
  gone.abort(new Error("enough"));
  await expect(sound).rejects.toThrow("enough");
});
