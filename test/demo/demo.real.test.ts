import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { slowerBy } from "../support/teardown.ts";

const MAIN = resolve(import.meta.dirname, "../../src/main.ts");
const PAUSE_MS = 600;

let tmp: string;
beforeEach(() => {
  tmp = mkdtempSync(join(tmpdir(), "sidetone-demo-test-"));
});
afterEach(() => rmSync(tmp, { recursive: true, force: true }));

const startDemo = (...args: string[]) =>
  spawn(process.execPath, [MAIN, "demo", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: tmp },
  });

/** Every process that was started with this test's folder as its temporary one, whoever its parent is now. */
function processesOfDemo(): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`TMPDIR=${tmp}\0`);
    } catch {
      return false;
    }
  });
}

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

describe.skipIf(!inject("asterisk") || !inject("pocketsphinx"))("the demo", () => {
  test("shows a whole call and a killed worker, and says so in one object", { timeout: 180_000 }, async () => {
    const child = startDemo("--json");
    const ended = once(child, "exit");
    const [out, progress] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await ended;
    expect(out, progress).not.toBe("");
    const result = JSON.parse(out);
    expect(result, out).toMatchObject({
      ok: true,
      transfer: true,
      failover: { menu: true, connected: true },
      recording: { rate: 8000, consent: "none" },
      cdr: { agent: "reception", next: { next: "transfer", target: "support" }, keys: "55012#" },
    });
    expect(code).toBe(0);
    expect(out.trim().split("\n")).toHaveLength(1);
    const [greeting, hours, parking, appointment, , , person] = result.turns;
    expect(greeting).toMatchObject({ caller: "", interrupted: false });
    expect(hours).toMatchObject({ interrupted: true });
    expect(parking.agent).toMatch(/building/);
    // At the caller's RTP. The figures hold on two cores with nothing else to do.
    for (const { latencyMs } of [hours, parking, appointment, person]) {
      expect(latencyMs.atCallerMs).toBeGreaterThan(PAUSE_MS / 2);
      expect(latencyMs.atCallerMs).toBeLessThanOrEqual(PAUSE_MS + 60);
    }
    expect(result.bargeInMs).toBeLessThan(180);
    expect(result.failover.killMs).toBeLessThan(150 + (await slowerBy()));
    expect(processesOfDemo()).toEqual([]);
  });

  test.each([
    { when: "while it prepares", words: "making the menu" },
    { when: "in mid-call", words: "answered 6" },
  ])("Ctrl-C $when leaves no process and no folder", { timeout: 60_000 }, async ({ words }) => {
    const child = startDemo();
    const ended = once(child, "exit");
    await untilSays(child, words);
    child.kill("SIGINT");
    const [code] = await ended;
    expect(code).toBe(130);
    await expect.poll(processesOfDemo, { timeout: 3000 }).toEqual([]);
    expect(readdirSync(tmp)).toEqual([]);
  });

  test("a reader that leaves early leaves no process and no folder", { timeout: 60_000 }, async () => {
    const child = startDemo();
    const ended = once(child, "exit");
    await untilSays(child, "The first call");
    child.stdout.destroy();
    await ended;
    await expect.poll(processesOfDemo, { timeout: 3000 }).toEqual([]);
    expect(readdirSync(tmp)).toEqual([]);
  });
});
