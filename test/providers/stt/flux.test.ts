import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Hearing, Transcript } from "../../../src/conversation/providers.ts";
import { providers } from "../../../src/providers/index.ts";
import { FakeFlux } from "../../fakes/providers/flux.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { describeFaults, push, SHORT_DEADLINES } from "../contract/stt-faults.ts";

let server: FakeFlux;
let over: AbortController;
beforeAll(async () => {
  server = await FakeFlux.start();
});
afterAll(() => server.close());
beforeEach(() => {
  over = new AbortController();
});
afterEach(() => over.abort());

const create = (options: object = {}) =>
  providers.stt.flux.create(
    providers.stt.flux.schema.parse({ apiKey: server.apiKey, url: server.url, ...options }),
    context,
  );
const open = (options: object = {}, { language = "en", hints = [] as string[] } = {}) =>
  create(options).open({ rate: 8000, language, hints, signal: over.signal });
const silence = (ms: number) => new Int16Array(8 * ms);

/** What comes until the turn is over, as "words", "words?" when it may be, "words." when it is. */
async function story(hearing: Hearing): Promise<string[]> {
  const told: string[] = [];
  for await (const { text, eager, turnEnd } of hearing.transcripts) {
    told.push(`${text}${turnEnd ? "." : eager ? "?" : ""}`);
    if (turnEnd) break;
  }
  return told;
}

describeSpeechToText("Deepgram Flux", {
  create,
  rate: 8000,
  hints: ["table"],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});

describeFaults("Deepgram Flux", { create: () => create(SHORT_DEADLINES), server: () => server.server, rate: 8000 });

test("it says when the caller's turn is nearly over, when it goes on after all, and when it is over", async () => {
  const hearing = open();
  push(hearing, spokenWords("book a table", 8000), 8000);
  push(hearing, silence(240), 8000);
  push(hearing, spokenWords("for two", 8000), 8000);
  push(hearing, silence(480), 8000);
  const told = await story(hearing);
  expect(told).toContain("book a table?");
  expect(told.indexOf("book a table")).toBeLessThan(told.indexOf("book a table?"));
  expect(told.slice(-2)).toEqual(["book a table for two?", "book a table for two."]);
});

test("a pause of ours in the middle of its turn is answered with the words so far, and none comes twice", async () => {
  const hearing = open();
  push(hearing, spokenWords("book a table", 8000), 8000);
  push(hearing, silence(240), 8000);
  hearing.finish();
  push(hearing, spokenWords("for two", 8000), 8000);
  push(hearing, silence(480), 8000);
  const finals: Transcript[] = [];
  for await (const transcript of hearing.transcripts) {
    if (transcript.final) finals.push(transcript);
    if (transcript.turnEnd) break;
  }
  expect(finals.map(({ text }) => text)).toEqual(["book a table", "for two"]);
  expect(finals[1]?.turnEnd).toBe(true);
});

test("a pause that is noticed after the turn has ended has no words left", async () => {
  const hearing = open();
  push(hearing, spokenWords("thank you", 8000), 8000);
  push(hearing, silence(480), 8000);
  expect((await story(hearing)).at(-1)).toBe("thank you.");
});

test("without a call's sound it is given silence, because it knows no keep-alive", async () => {
  const hearing = open({ finalMs: 5000 });
  push(hearing, spokenWords("thank you", 8000), 8000);
  hearing.finish();
  for await (const { final, text } of hearing.transcripts) {
    if (!final) continue;
    expect(text).toBe("thank you");
    break;
  }
});

test("thresholds, rate and terms are asked for as documented", async () => {
  const hearing = open({ endThreshold: 0.8, eagerThreshold: 0.4 }, { hints: ["Sidetone"] });
  push(hearing, spokenWords("hello", 8000), 8000);
  push(hearing, silence(480), 8000);
  await story(hearing);
  const { query } = server.server.requests.at(-1) ?? {};
  expect(Object.fromEntries(query ?? [])).toEqual({
    model: "flux-general-en",
    encoding: "linear16",
    sample_rate: "8000",
    eot_threshold: "0.8",
    eager_eot_threshold: "0.4",
    eot_timeout_ms: "3000",
    keyterm: "Sidetone",
  });
});

test("another language than it knows is refused at once", () => {
  expect(() => open({}, { language: "de" })).toThrow("English only");
  expect(() => open({ model: "flux-general-multi" }, { language: "de" })).not.toThrow();
});

test("an answer is not prepared more readily than given", () => {
  const { schema } = providers.stt.flux;
  expect(schema.safeParse({ apiKey: "k", endThreshold: 0.5, eagerThreshold: 0.7 }).success).toBe(false);
});
