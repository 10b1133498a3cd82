import { afterAll, beforeAll, expect, test } from "vitest";
import type { WordTime } from "../../../src/conversation/providers.ts";
import { cartesia } from "../../../src/providers/tts/cartesia.ts";
import { FakeCartesia } from "../../fakes/providers/cartesia-server.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context, piecesOf, stalledAfter } from "../contract/context.ts";
import { PATIENT } from "../contract/llm-faults.ts";
import { describeTextToSpeech } from "../contract/tts.ts";
import { describeVoiceFaults } from "../contract/tts-faults.ts";

const VOICE = "a0e99841-438c-4a64-b679-ae501e7d6091";
const create = ({ wsUrl }: FakeCartesia, apiKey = "sk-right", more: object = {}) =>
  cartesia.create(cartesia.schema.parse({ apiKey, baseUrl: wsUrl, price: 50, ...PATIENT, ...more }), context);

const shared = new FakeCartesia();
beforeAll(() => shared.listen());
afterAll(() => shared.close());

describeTextToSpeech("cartesia", { create: () => create(shared), voice: VOICE });
describeVoiceFaults("cartesia", { open: () => new FakeCartesia(), create, voice: VOICE });

test("one connection serves all replies, at the call's own rate, and says when each word sounds", async () => {
  const server = await new FakeCartesia().listen();
  const tts = create(server);
  const words: WordTime[] = [];
  const how = { voice: VOICE, rate: 8000, language: "en", signal: new AbortController().signal } as const;
  await tts.connect?.(how);
  for (const text of ["Good day.", "We are open."]) {
    const onWords = (times: readonly WordTime[]): void => void words.push(...times);
    for await (const _ of tts.speak(piecesOf(text), { ...how, onWords }));
  }
  expect(server.handshakes).toHaveLength(1);
  expect(server.handshakes[0]?.headers["x-api-key"]).toBe("sk-right");
  expect(server.said[0]).toMatchObject({
    transcript: "Good day. ",
    voice: { mode: "id", id: VOICE },
    output_format: { container: "raw", encoding: "pcm_s16le", sample_rate: 8000 },
    continue: true,
  });
  expect(words.map(({ text, startMs }) => [text, startMs])).toEqual([
    ["Good", 0],
    ["day", 5 * CHARACTER_MS],
    ["We", 0],
    ["are", 3 * CHARACTER_MS],
    ["open", 7 * CHARACTER_MS],
  ]);
  const over = new AbortController();
  for await (const _ of tts.speak(stalledAfter("One moment."), { ...how, signal: over.signal })) break;
  over.abort();
  await expect.poll(() => server.said.at(-1)).toMatchObject({ cancel: true });
  await tts.close();
  await server.close();
});
