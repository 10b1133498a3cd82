import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, inject, test } from "vitest";

const MAIN = resolve(import.meta.dirname, "../../src/main.ts");

async function runDemo(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, "demo", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  const [out, progress] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code, out, progress };
}

describe.skipIf(!inject("asterisk") || !inject("pocketsphinx"))("the demo", () => {
  test("shows a whole call and a killed worker, and says so in one object", { timeout: 150_000 }, async () => {
    const { code, out, progress } = await runDemo("--json");
    expect(out, progress).not.toBe("");
    const result = JSON.parse(out);
    expect(result, out).toMatchObject({
      ok: true,
      transfer: true,
      failover: { menu: true, connected: true },
      recording: null,
      cdr: null,
    });
    expect(code).toBe(0);
    expect(out.trim().split("\n")).toHaveLength(1);
    const [greeting, hours, parking] = result.turns;
    expect(greeting).toMatchObject({ caller: "", interrupted: false });
    expect(hours).toMatchObject({ interrupted: true });
    expect(parking.agent).toMatch(/building/);
    for (const turn of result.turns.slice(1)) expect(turn.latencyMs.atCallerMs).toBeGreaterThan(300);
  });
});
