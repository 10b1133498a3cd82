import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const bin = resolve(import.meta.dirname, "../../bin");
const run = promisify(execFile);

test("whoever starts Sidetone watches and signals the program itself, not a launcher", async () => {
  const child = spawn(`${bin}/node`, ["-p", "process.pid"], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(Number(said)).toBe(child.pid);
});

test("on a machine without a Node the one that came with us is taken", async () => {
  const { stdout } = await run(`${bin}/node`, ["--version"], { env: { PATH: "/usr/bin:/bin" } });
  const [major = 0, minor = 0] = stdout.slice(1).split(".").map(Number);
  expect(major * 1000 + minor).toBeGreaterThanOrEqual(22_018);
});

test("the command says its version", async () => {
  const { stdout } = await run(`${bin}/sidetone`, ["--version"]);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
