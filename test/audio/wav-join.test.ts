import { mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readWav } from "../../src/audio/wav.ts";
import { joinWav } from "../../src/audio/wav-join.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sidetone-join-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function raw(name: string, samples: readonly number[], odd = false): Promise<string> {
  const path = join(dir, name);
  const bytes = new Uint8Array(Int16Array.from(samples).buffer);
  await writeFile(path, odd ? Buffer.concat([bytes, Buffer.from([7])]) : bytes);
  return path;
}

test("the caller is on the left, the agent on the right, and the shorter side ends in silence", async () => {
  const out = join(dir, "out.wav");
  const channels = [await raw("caller", [1, 2, 3, 4]), await raw("agent", [-1, -2])] as const;
  expect(await joinWav({ channels, rate: 8000, out })).toBe(4);
  const wav = readWav(await readFile(out));
  expect([wav.rate, ...wav.channels.map((channel) => [...channel])]).toEqual([8000, [1, 2, 3, 4], [-1, -2, 0, 0]]);
  expect(((await stat(out)).mode & 0o777).toString(8)).toBe("640");
});

test("a call longer than the pieces in which it is read has no seam", async () => {
  const out = join(dir, "out.wav");
  const ramp = (from: number) => Array.from({ length: 40_000 }, (_, index) => ((from + index) % 30_000) - 15_000);
  const channels = [await raw("caller", ramp(0)), await raw("agent", ramp(777))] as const;
  await joinWav({ channels, rate: 16_000, out });
  const [left, right] = readWav(await readFile(out)).channels;
  expect([...(left ?? [])]).toEqual(ramp(0));
  expect([...(right ?? [])]).toEqual(ramp(777));
});

test("half a sample at the end, as a crash leaves it, and a side that is missing cost nothing else", async () => {
  const out = join(dir, "out.wav");
  expect(await joinWav({ channels: [await raw("caller", [5, 6], true), undefined], rate: 8000, out })).toBe(2);
  expect(readWav(await readFile(out)).channels.map((channel) => [...channel])).toEqual([
    [5, 6],
    [0, 0],
  ]);
});

test("a link is no recording: whoever may write there does not get to read or to overwrite another's file", async () => {
  const [secret, link] = [await raw("secret", [1]), join(dir, "link")];
  await symlink(secret, link);
  await expect(joinWav({ channels: [link, undefined], rate: 8000, out: join(dir, "out.wav") })).rejects.toThrow();
  await expect(joinWav({ channels: [secret, undefined], rate: 8000, out: link })).rejects.toThrow();
  expect((await stat(secret)).size).toBe(2);
});
