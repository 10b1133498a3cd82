import { expect, test } from "vitest";
import { providers } from "../../../src/providers/index.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { FakeWyomingStt } from "../../fakes/providers/wyoming-stt.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { describeFaults, push, SHORT_DEADLINES } from "../contract/stt-faults.ts";
import { next, withServer } from "./support.ts";

const fake = withServer(() => FakeWyomingStt.start());
const { wyoming } = providers.stt;
const create = (options: object = {}) =>
  wyoming.create(wyoming.schema.parse({ port: fake.server.port, ...options }), context);

describeSpeechToText("Wyoming", {
  create,
  rate: 8000,
  hints: [],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});
describeFaults("Wyoming", {
  create: () => create(SHORT_DEADLINES),
  server: () => fake.server,
  rate: 8000,
  partials: false,
  attempts: 2,
  // There is no HTTP in it.
  expected: { 401: undefined, 429: undefined, 500: undefined },
});

test("model, language and the call's own rate are asked for", async () => {
  const hearing = create({ model: "base" }).open({ rate: 16_000, language: "de-AT", hints: [], signal: fake.signal });
  fake.server.events.length = 0;
  push(hearing, spokenWords("hello", 16_000), 16_000);
  hearing.finish();
  expect((await next(hearing)).text).toBe("hello");
  expect(fake.server.events.slice(0, 2)).toMatchObject([
    { type: "transcribe", data: { name: "base", language: "de" } },
    { type: "audio-start", data: { rate: 16_000, width: 2, channels: 1 } },
  ]);
});

test("a server that tells words as it hears them is listened to", async () => {
  const server = await FakeWyomingStt.start({ streaming: true });
  const hearing = create({ port: server.port }).open({ rate: 8000, language: "en", hints: [], signal: fake.signal });
  push(hearing, spokenWords("book a table for two", 8000), 8000);
  expect((await next(hearing, ({ text }) => text.split(" ").length > 2)).final).toBe(false);
  hearing.finish();
  await server.close();
});
