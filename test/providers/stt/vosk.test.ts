import { expect, test } from "vitest";
import { providers } from "../../../src/providers/index.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { FakeVosk } from "../../fakes/providers/vosk.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { describeFaults, push, SHORT_DEADLINES } from "../contract/stt-faults.ts";
import { next, withServer } from "./support.ts";

const fake = withServer(() => FakeVosk.start());
const { vosk } = providers.stt;
const create = (options: object = {}) => vosk.create(vosk.schema.parse({ url: fake.server.url, ...options }), context);

describeSpeechToText("vosk-server", {
  create,
  rate: 8000,
  hints: [],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});
describeFaults("vosk-server", {
  create: () => create(SHORT_DEADLINES),
  server: () => fake.server.server,
  rate: 8000,
  attempts: 2,
});

test("the connection for the next utterance is open before it is needed, and silence is not sent", async () => {
  const hearing = create().open({ rate: 16_000, language: "en", hints: [], signal: fake.signal });
  const transcripts = hearing.transcripts[Symbol.asyncIterator]();
  const said: string[] = [];
  for (const words of ["hello", "thank you", "goodbye"]) {
    push(hearing, new Int16Array(16_000), 16_000);
    push(hearing, spokenWords(words, 16_000), 16_000);
    hearing.finish();
    for (let one = await transcripts.next(); !one.done; one = await transcripts.next()) {
      if (!one.value.final) continue;
      said.push(one.value.text);
      break;
    }
    await expect.poll(() => fake.server.server.connections).toBe(1);
  }
  expect(said).toEqual(["hello", "thank you", "goodbye"]);
  expect(fake.server.configs.at(-1)).toEqual({ sample_rate: 16_000, words: true });
});

test("as a grammar the agent's phrases go out as the models know them", async () => {
  const hearing = create({ grammar: true }).open({
    rate: 8000,
    language: "en",
    hints: ["Yes, please!"],
    signal: fake.signal,
  });
  push(hearing, spokenWords("yes please", 8000), 8000);
  hearing.finish();
  expect(await next(hearing)).toMatchObject({ text: "yes please", confidence: 0.9 });
  expect(fake.server.configs.map(({ phrase_list }) => phrase_list)).toContainEqual(["yes please", "[unk]"]);
});
