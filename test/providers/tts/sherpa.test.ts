import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SampleRate } from "../../../src/audio/frame.ts";
import type { TextToSpeech } from "../../../src/conversation/providers.ts";
import { createSherpaVoice, sherpaVoice } from "../../../src/providers/tts/sherpa.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context, piecesOf, stalledAfter } from "../contract/context.ts";
import { describeTextToSpeech } from "../contract/tts.ts";

const STAND_IN = fileURLToPath(new URL("./fixtures/stand-in-sherpa.cjs", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "sidetone-sherpa-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sumOf = (text: string) => ({
  bytes: Buffer.byteLength(text),
  sha256: createHash("sha256").update(text).digest("hex"),
});
const FILES = { "voice.onnx": "no real weights", "tokens.txt": "_ 0\n" };
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
const files = { "voice.onnx": sumOf(FILES["voice.onnx"]), "tokens.txt": sumOf(FILES["tokens.txt"]) };

const optionsOf = (more: object = {}) => sherpaVoice.schema.parse({ model: folder, files, ...more });
const create = (more: object = {}, library = STAND_IN) => createSherpaVoice(optionsOf(more), context, library);

const how = (rate: SampleRate = 8000, voice = "", signal = new AbortController().signal) => ({
  voice,
  rate,
  language: "en",
  signal,
});

async function say(tts: TextToSpeech, text: string, options = how()): Promise<number> {
  let samples = 0;
  for await (const { pcm } of tts.speak(piecesOf(text), options)) samples += pcm.length;
  return (samples * 1000) / options.rate;
}

describeTextToSpeech("sherpa (with a stand-in for the model)", { create: () => create(), voice: "" });

describe("sherpa's process", () => {
  let tts: TextToSpeech;
  beforeAll(() => {
    tts = create();
  });
  afterAll(() => tts.close());

  test("what is said is as long as the model made it, with a pause behind", async () => {
    expect(await say(tts, "Good day.")).toBeCloseTo(9 * CHARACTER_MS + 180, -1);
    expect(await say(tts, "Good day.", how(16_000, "2"))).toBeCloseTo(9 * CHARACTER_MS + 180, -1);
  });

  test("a crash in the model costs one piece; the next is heard", async () => {
    await expect(say(tts, "This will crash.")).rejects.toMatchObject({ code: "unreachable" });
    expect(await say(tts, "Good day.")).toBeGreaterThan(500);
  });

  test("a model that hangs is told as a timeout, and ended", async () => {
    const quick = create({ firstMs: 1000 });
    await quick.connect?.(how());
    await expect(say(quick, "This will hang.")).rejects.toMatchObject({ code: "timeout" });
    expect(await say(quick, "Good day.")).toBeGreaterThan(500);
    await quick.close();
  });

  test.each([
    ["This will fail.", "a word that it does not know"],
    ["Say nothing.", "it made no sound"],
  ])("%s: told as protocol, and the next is heard", async (text, told) => {
    await expect(say(tts, text)).rejects.toMatchObject({ code: "protocol", message: expect.stringContaining(told) });
    expect(await say(tts, "Good day.")).toBeGreaterThan(500);
  });

  test("who interrupts before the model is loaded, or in mid-sentence, waits for nothing", async () => {
    const fresh = create();
    const early = new AbortController();
    const waiting = say(fresh, "Never heard.", how(8000, "", early.signal));
    early.abort();
    expect(await waiting).toBe(0);
    await fresh.close();
    const over = new AbortController();
    for await (const _ of tts.speak(stalledAfter("A long story."), how(8000, "", over.signal))) over.abort();
    expect(await say(tts, "Good day.")).toBeGreaterThan(500);
  });
});

describe("a model that is not what it should be", () => {
  const failure = async (tts: TextToSpeech): Promise<unknown> => {
    try {
      await say(tts, "Good day.");
      return "no failure";
    } catch (error) {
      return error;
    } finally {
      await tts.close();
    }
  };

  test.each([
    ["another file", { "voice.onnx": { ...files["voice.onnx"], sha256: "0".repeat(64) } }, /SHA-256 is [0-9a-f]{64}/],
    ["a cut download", { "voice.onnx": { ...files["voice.onnx"], bytes: 999 } }, /has 15 bytes, not 999/],
    ["no file", { "other.onnx": files["voice.onnx"] }, /other\.onnx is not there/],
  ])("%s is not loaded, and it is said why", async (_, wrong, told) => {
    expect(await failure(create({ files: { ...files, ...wrong } }))).toMatchObject({
      code: "missing",
      message: expect.stringMatching(told),
    });
  });

  test("a library that is not installed is told as missing", async () => {
    expect(await failure(create({}, "/nowhere/sherpa"))).toMatchObject({
      code: "missing",
      message: expect.stringContaining("sherpa-onnx-node"),
    });
  });

  // The real library, which ends its process over weights that are none.
  test("weights that sherpa-onnx itself cannot read end its own process, and nobody else's", async () => {
    const error = await failure(createSherpaVoice(optionsOf(), context));
    expect(error).toMatchObject({ name: "ProviderError", code: expect.stringMatching(/^(missing|unreachable)$/) });
    expect(String(error)).not.toContain("cannot be loaded");
  });

  test("no file outside of the model's folder can be named", () => {
    for (const name of ["../voice.onnx", "/etc/passwd", "a/../../b", ""])
      expect(sherpaVoice.schema.safeParse({ model: folder, files: { [name]: files["voice.onnx"] } }).success).toBe(
        false,
      );
    expect(sherpaVoice.schema.safeParse({ model: folder, files: {} }).success).toBe(false);
  });
});
