import { expect, test } from "vitest";
import { providers } from "../../../src/providers/index.ts";
import { FakeAssemblyAi } from "../../fakes/providers/assemblyai.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { describeFaults, push, SHORT_DEADLINES } from "../contract/stt-faults.ts";
import { next, withServer } from "./support.ts";

const fake = withServer(() => FakeAssemblyAi.start());
const { assemblyai } = providers.stt;
const create = (options: object = {}) =>
  assemblyai.create(assemblyai.schema.parse({ apiKey: fake.server.apiKey, url: fake.server.url, ...options }), context);

describeSpeechToText("AssemblyAI", {
  create,
  rate: 8000,
  hints: ["table"],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});
describeFaults("AssemblyAI", { create: () => create(SHORT_DEADLINES), server: () => fake.server.server, rate: 8000 });

test("rate, coding and terms are asked for as documented, and the key is in a header only", async () => {
  const hearing = create({ encoding: "pcm_mulaw" }).open({
    rate: 8000,
    language: "en",
    hints: ["Sidetone"],
    signal: fake.signal,
  });
  push(hearing, spokenWords("my number is nine", 8000), 8000);
  hearing.finish();
  expect((await next(hearing)).text).toBe("my number is nine");
  const { query, headers } = fake.server.server.requests.at(-1) ?? {};
  expect(Object.fromEntries(query ?? [])).toMatchObject({
    sample_rate: "8000",
    encoding: "pcm_mulaw",
    speech_model: "universal-streaming-english",
    keyterms_prompt: '["Sidetone"]',
  });
  expect(headers?.authorization).toBe(fake.server.apiKey);
  expect(`${query}`).not.toContain(fake.server.apiKey);
});

test("a call that ends ends its session, which is billed by the second", async () => {
  const over = new AbortController();
  const hearing = create().open({ rate: 8000, language: "en", hints: [], signal: over.signal });
  push(hearing, spokenWords("hello", 8000), 8000);
  hearing.finish();
  await next(hearing);
  over.abort();
  await expect.poll(() => fake.server.controls.at(-1)).toBe("Terminate");
});
