import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect, inject, test } from "vitest";
import { DemoFolder } from "./support.ts";

/** Resolves when the demo has said this; goes on reading, because a reader that closes ends the demo. */
function untilSays(child: ChildProcess, words: string): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (piece: Buffer) => {
      said += String(piece);
      if (said.includes(words)) resolve();
    });
    child.stdout?.on("end", () => reject(new Error(`the demo ended before it said "${words}"`)));
  });
}

describe.skipIf(!inject("asterisk") || !inject("pocketsphinx"))("the demo that is ended", () => {
  test.each([
    { when: "while it prepares", words: "making the menu" },
    { when: "in mid-call", words: "Harbour Clinic" },
  ])("Ctrl-C $when leaves no process and no folder", { timeout: 180_000 }, async ({ words }) => {
    using folder = new DemoFolder();
    const child = folder.start();
    const ended = once(child, "exit");
    await untilSays(child, words);
    child.kill("SIGINT");
    const [code] = await ended;
    expect(code).toBe(130);
    await expect.poll(() => folder.processes(), { timeout: 10_000 }).toEqual([]);
    expect(folder.left()).toEqual([]);
  });

  test("a reader that leaves early leaves no process and no folder", { timeout: 180_000 }, async () => {
    using folder = new DemoFolder();
    const child = folder.start();
    const ended = once(child, "exit");
    await untilSays(child, "The first call");
    child.stdout.destroy();
    await ended;
    await expect.poll(() => folder.processes(), { timeout: 10_000 }).toEqual([]);
    expect(folder.left()).toEqual([]);
  });
});
