import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Hearing, Transcript } from "../../../src/conversation/providers.ts";
import { providers } from "../../../src/providers/index.ts";
import type { ProviderContext } from "../../../src/providers/module.ts";
import { FakeDeepgram } from "../../fakes/providers/deepgram.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { describeFaults, push, SHORT_DEADLINES } from "../contract/stt-faults.ts";

let server: FakeDeepgram;
let over: AbortController;
beforeAll(async () => {
  server = await FakeDeepgram.start();
});
afterAll(() => server.close());
beforeEach(() => {
  over = new AbortController();
});
afterEach(() => over.abort());

const create = (options: object = {}, given: ProviderContext = context) =>
  providers.stt.deepgram.create(
    providers.stt.deepgram.schema.parse({ apiKey: server.apiKey, url: server.url, ...options }),
    given,
  );
const open = (options: object = {}, { rate = 8000 as 8000 | 16000, language = "en", hints = [] as string[] } = {}) =>
  create(options).open({ rate, language, hints, signal: over.signal });

async function next(hearing: Hearing, wanted: (transcript: Transcript) => boolean): Promise<Transcript> {
  for await (const transcript of hearing.transcripts) if (wanted(transcript)) return transcript;
  throw new Error("the hearing ended first");
}
const isFinal = ({ final }: Transcript) => final;
const lastRequest = () => server.server.requests.at(-1);

describeSpeechToText("Deepgram Nova", {
  create,
  rate: 8000,
  hints: ["table"],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});

describeFaults("Deepgram Nova", { create: () => create(SHORT_DEADLINES), server: () => server.server, rate: 8000 });

test("sound goes out at the call's own rate, and the key in a header only", async () => {
  const hearing = open({}, { rate: 16_000, language: "en-GB" });
  push(hearing, spokenWords("hello", 16_000), 16_000);
  hearing.finish();
  expect((await next(hearing, isFinal)).text).toBe("hello");
  const { query, headers } = lastRequest() ?? {};
  expect(Object.fromEntries(query ?? [])).toMatchObject({
    model: "nova-3",
    language: "en-GB",
    encoding: "linear16",
    sample_rate: "16000",
    interim_results: "true",
  });
  expect(headers?.authorization).toBe(`Token ${server.apiKey}`);
  expect(`${query}`).not.toContain(server.apiKey);
});

test("as µ-law it takes half the bytes and is understood as well", async () => {
  const hearing = open({ encoding: "mulaw" });
  push(hearing, spokenWords("my number is nine zero two", 8000), 8000);
  hearing.finish();
  expect((await next(hearing, isFinal)).text).toBe("my number is nine zero two");
});

test("what the agent expects is boosted: terms with Nova-3, single words before it", async () => {
  const hints = ["Sidetone", "opening hours", "could I perhaps speak to somebody", "Sidetone"];
  const boosted = async (model: string) => {
    const hearing = open({ model }, { hints });
    hearing.finish();
    await next(hearing, isFinal);
    const { query } = lastRequest() ?? {};
    return { keyterm: query?.getAll("keyterm"), keywords: query?.getAll("keywords") };
  };
  expect(await boosted("nova-3")).toEqual({ keyterm: ["Sidetone", "opening hours"], keywords: [] });
  expect(await boosted("nova-2-phonecall")).toEqual({ keyterm: [], keywords: ["Sidetone"] });
});

test("words show while the caller speaks, and each partial holds all of the utterance", async () => {
  const hearing = open();
  push(hearing, spokenWords("book a table for two", 8000), 8000);
  const partial = await next(hearing, ({ text }) => text.split(" ").length > 2);
  expect(partial).toMatchObject({ final: false, text: "book a table" });
});

test("two pauses are answered in their order, each with its own words and times", async () => {
  const hearing = open();
  push(hearing, spokenWords("hello", 8000), 8000);
  hearing.finish();
  push(hearing, new Int16Array(8000), 8000);
  push(hearing, spokenWords("thank you", 8000), 8000);
  hearing.finish();
  const finals: Transcript[] = [];
  for await (const transcript of hearing.transcripts) {
    if (transcript.final) finals.push(transcript);
    if (finals.length === 2) break;
  }
  expect(finals.map(({ text }) => text)).toEqual(["hello", "thank you"]);
  expect(finals[1]?.startMs).toBeGreaterThanOrEqual(1200);
  expect(finals[1]?.startMs).toBeLessThan(1260);
  expect(finals[1]?.confidence).toBeCloseTo(0.98);
});

test("a caller on hold costs no connection: it is kept alive without sound", async () => {
  const clock = new VirtualClock();
  const hearing = create({}, { ...context, clock }).open({
    rate: 8000,
    language: "en",
    hints: [],
    signal: over.signal,
  });
  push(hearing, spokenWords("hello", 8000), 8000);
  // It is open when its first words are there.
  push(hearing, new Int16Array(8000), 8000);
  const transcripts = hearing.transcripts[Symbol.asyncIterator]();
  await transcripts.next();
  server.controls.length = 0;
  await clock.advance(3000);
  await expect.poll(() => server.controls.filter((type) => type === "KeepAlive").length).toBeGreaterThan(1);
});
