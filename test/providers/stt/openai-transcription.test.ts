import { afterEach, describe, expect, test } from "vitest";
import type { ProviderErrorCode } from "../../../src/conversation/providers.ts";
import { providers } from "../../../src/providers/index.ts";
import type { Fault } from "../../fakes/providers/server.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { FakeTranscription } from "../../fakes/providers/transcription.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { push } from "../contract/stt-faults.ts";
import { next, withServer } from "./support.ts";

const fake = withServer(() => FakeTranscription.start({ apiKey: "secret-of-openai" }));
const openai = providers.stt["openai-transcription"];
const create = (options: object = {}) =>
  openai.create(
    openai.schema.parse({ baseUrl: fake.server.url, apiKey: "secret-of-openai", model: "whisper-1", ...options }),
    context,
  );
const open = (options: object = {}, { hints = [] as string[], language = "en" } = {}) =>
  create(options).open({ rate: 8000, language, hints, signal: fake.signal });

describeSpeechToText("An OpenAI-compatible transcription server", {
  create,
  rate: 8000,
  hints: [],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});

describe("when its server fails", () => {
  afterEach(() => {
    fake.server.fault = undefined;
  });

  const codes: [Fault, ProviderErrorCode][] = [
    ["refuse", "unreachable"],
    ["401", "refused"],
    ["429", "overloaded"],
    ["500", "unreachable"],
    ["silent", "timeout"],
    ["stall", "timeout"],
    ["garbage", "protocol"],
    ["close", "unreachable"],
  ];
  test.each(codes)("%s is told as %s, soon, and not tried again", async (fault, code) => {
    fake.server.fault = fault;
    const before = fake.server.attempts;
    // A short patience where it is what is tried; the first request of all loads a library meanwhile.
    const hearing = open({ finalMs: code === "timeout" ? 300 : 5000 });
    push(hearing, spokenWords("book a table", 8000), 8000);
    hearing.finish();
    await expect(next(hearing)).rejects.toMatchObject({ code });
    expect(fake.server.attempts - before).toBeLessThanOrEqual(1);
  });

  test("an answer without words is no failure", async () => {
    fake.server.fault = "empty";
    const hearing = open();
    push(hearing, spokenWords("hello", 8000), 8000);
    hearing.finish();
    expect((await next(hearing)).text).toBe("");
  });
});

test("two utterances are answered in their order, although they are asked for at once; silence is not sent", async () => {
  const hearing = open();
  const before = fake.server.attempts;
  for (const words of ["hello", "", "thank you"]) {
    push(hearing, spokenWords(words, 8000), 8000);
    push(hearing, new Int16Array(4000), 8000);
    hearing.finish();
  }
  const transcripts = hearing.transcripts[Symbol.asyncIterator]();
  const said: string[] = [];
  while (said.length < 3) said.push(((await transcripts.next()).value as { text: string }).text);
  expect(said).toEqual(["hello", "", "thank you"]);
  expect(fake.server.attempts - before).toBe(2);
});

test("what the agent expects goes along as a prompt, and the language without its region", async () => {
  const hearing = open({}, { hints: ["Sidetone", "opening hours"], language: "en-GB" });
  push(hearing, spokenWords("hello", 8000), 8000);
  hearing.finish();
  await next(hearing);
  expect(fake.server.forms.at(-1)).toEqual({
    model: "whisper-1",
    language: "en",
    response_format: "json",
    prompt: "Sidetone, opening hours",
  });
});
