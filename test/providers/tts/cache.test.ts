import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../../src/base/log.ts";
import { SpeechDisk, SpeechMemory, speechKey } from "../../../src/providers/tts/cache.ts";

const sound = (samples: number, value = 1) => new Int16Array(samples).fill(value);

test("another voice, rate or word is another sound", () => {
  const key = { provider: "flite", voice: "slt", text: "Hello.", rate: 8000 };
  const keys = [
    key,
    { ...key, voice: "rms" },
    { ...key, text: "hello." },
    { ...key, rate: 16_000 },
    { ...key, provider: "other" },
  ];
  expect(new Set(keys.map(speechKey)).size).toBe(keys.length);
});

describe("in memory", () => {
  test("what was not said for the longest is forgotten first, and the limit is kept", () => {
    const memory = new SpeechMemory(600);
    memory.set("greeting", sound(100));
    memory.set("hours", sound(100));
    memory.set("address", sound(100));
    memory.get("greeting");
    memory.set("parking", sound(100));
    expect(["greeting", "hours", "address", "parking"].filter((key) => memory.get(key))).toEqual([
      "greeting",
      "address",
      "parking",
    ]);
    expect(memory.bytes).toBe(600);
  });

  test("a sound larger than the memory is not kept, and pushes nothing out", () => {
    const memory = new SpeechMemory(600);
    memory.set("greeting", sound(100));
    memory.set("novel", sound(1000));
    expect(memory.get("novel")).toBeUndefined();
    expect(memory.get("greeting")).toHaveLength(100);
  });

  test("the same words twice count once", () => {
    const memory = new SpeechMemory(600);
    memory.set("greeting", sound(100));
    memory.set("greeting", sound(200));
    expect(memory.bytes).toBe(400);
  });
});

describe("on disk", () => {
  let folder: string;
  let disk: SpeechDisk;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sidetone-cache-"));
    disk = new SpeechDisk({ folder, limitBytes: 600, log: silentLog });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("a greeting comes back as it was, and what was never kept is not there", async () => {
    await disk.set("greeting", Int16Array.of(1, -2, 32_767, -32_768));
    expect(await disk.get("greeting")).toEqual(Int16Array.of(1, -2, 32_767, -32_768));
    expect(await disk.get("other")).toBeUndefined();
  });

  test("a damaged file is as good as none", async () => {
    await disk.set("greeting", sound(10));
    const [name] = await readdir(folder);
    await writeFile(join(folder, name ?? ""), new Uint8Array(3));
    expect(await disk.get("greeting")).toBeUndefined();
  });

  test("the oldest goes when the folder is full, and no unfinished file stays", async () => {
    await disk.set("first", sound(100));
    await disk.touch("first", 1000);
    await disk.set("second", sound(100));
    await disk.touch("second", 5000);
    await disk.set("third", sound(150));
    expect(await disk.get("first")).toBeUndefined();
    expect(await disk.get("second")).toHaveLength(100);
    expect(await disk.get("third")).toHaveLength(150);
    expect((await readdir(folder)).every((name) => name.endsWith(".pcm"))).toBe(true);
  });
});
