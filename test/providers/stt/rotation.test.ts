import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SpeechToText } from "../../../src/conversation/providers.ts";
import { providers } from "../../../src/providers/index.ts";
import { Key } from "../../../src/providers/key.ts";
import { FakeAssemblyAi } from "../../fakes/providers/assemblyai.ts";
import { FakeDeepgram } from "../../fakes/providers/deepgram.ts";
import { FakeFlux } from "../../fakes/providers/flux.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { FakeTranscription } from "../../fakes/providers/transcription.ts";
import { context } from "../contract/context.ts";
import { push } from "../contract/stt-faults.ts";
import { next } from "./support.ts";

const { deepgram, flux, assemblyai, "openai-transcription": transcription } = providers.stt;
const NEW = { apiKey: "the-new-key" };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sidetone-key-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keyInFile(): { readonly key: Key; rotate(value: string): void } {
  const path = join(folder, "key");
  writeFileSync(path, "the-old-key");
  const read = () => readFileSync(path, "utf8");
  return { key: new Key(read(), { path, read }), rotate: (value) => writeFileSync(path, value) };
}

test.each([
  [
    "deepgram",
    () => FakeDeepgram.start(NEW),
    (apiKey: Key, url: string) => deepgram.create(deepgram.schema.parse({ apiKey, url }), context),
  ],
  [
    "flux",
    () => FakeFlux.start(NEW),
    (apiKey: Key, url: string) => flux.create(flux.schema.parse({ apiKey, url }), context),
  ],
  [
    "assemblyai",
    () => FakeAssemblyAi.start(NEW),
    (apiKey: Key, url: string) => assemblyai.create(assemblyai.schema.parse({ apiKey, url }), context),
  ],
  [
    "openai-transcription",
    () => FakeTranscription.start(NEW),
    (apiKey: Key, baseUrl: string) =>
      transcription.create(transcription.schema.parse({ apiKey, baseUrl, model: "whisper-1" }), context),
  ],
] as const)(
  "%s: a key that is rotated in its file is the next call's, without a restart",
  async (_name, start, create) => {
    const server = await start();
    const { key, rotate } = keyInFile();
    const stt: SpeechToText = create(key, server.url);
    const over = new AbortController();
    const say = (words: string) => {
      const hearing = stt.open({ rate: 8000, language: "en", hints: [], signal: over.signal });
      push(hearing, spokenWords(words, 8000), 8000);
      hearing.finish();
      return next(hearing);
    };
    await expect(say("hello")).rejects.toMatchObject({ code: "refused" });
    rotate("the-new-key");
    expect((await say("thank you")).text).toBe("thank you");
    over.abort();
    await stt.close();
    await server.close();
  },
);
