import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import type { SpeechToText } from "../../../src/conversation/providers.ts";
import { providers } from "../../../src/providers/index.ts";
import { FakeAssemblyAi } from "../../fakes/providers/assemblyai.ts";
import { FakeDeepgram } from "../../fakes/providers/deepgram.ts";
import { FakeFlux } from "../../fakes/providers/flux.ts";
import type { FakeServer } from "../../fakes/providers/server.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { FakeVosk } from "../../fakes/providers/vosk.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { context } from "../contract/context.ts";
import { push } from "../contract/stt-faults.ts";
import { next } from "./support.ts";

const { deepgram, flux, assemblyai, vosk } = providers.stt;
type Fake = { readonly url: string; readonly server: FakeServer; close(): Promise<void> };
const KEY = { apiKey: "of-the-project" };
const kinds = [
  {
    name: "deepgram",
    start: (): Promise<Fake> => FakeDeepgram.start(KEY),
    create: (url: string, clock = systemClock) =>
      deepgram.create(deepgram.schema.parse({ ...KEY, url }), { ...context, clock }),
  },
  {
    name: "flux",
    start: (): Promise<Fake> => FakeFlux.start(KEY),
    create: (url: string, clock = systemClock) =>
      flux.create(flux.schema.parse({ ...KEY, url }), { ...context, clock }),
  },
  {
    name: "assemblyai",
    start: (): Promise<Fake> => FakeAssemblyAi.start(KEY),
    create: (url: string, clock = systemClock) =>
      assemblyai.create(assemblyai.schema.parse({ ...KEY, url }), { ...context, clock }),
  },
  {
    name: "vosk",
    start: (): Promise<Fake> => FakeVosk.start(),
    create: (url: string, clock = systemClock) => vosk.create(vosk.schema.parse({ url }), { ...context, clock }),
  },
];

describe.each(kinds)("$name, while the call rings", ({ name, start, create }) => {
  let fake: Fake;
  let stt: SpeechToText;
  let call: AbortController;
  const kind = { rate: 8000, language: "en", hints: ["table"] } as const;
  // The first one waits for the SDK to be loaded.
  const connected = () => expect.poll(() => fake.server.connections, { timeout: 10_000 }).toBe(1);
  beforeEach(async () => {
    fake = await start();
    stt = create(fake.url);
    call = new AbortController();
  });
  afterEach(async () => {
    call.abort();
    await stt.close();
    await fake.close();
  });

  test("the connection is opened, and the call's first words do not wait for one", async () => {
    await stt.connect?.({ ...kind, signal: call.signal });
    await connected();
    const { attempts } = fake.server;
    // Whoever needs a connection now gets none: what is understood came over the one of the ring.
    if (name !== "vosk") fake.server.fault = "refuse";
    const hearing = stt.open({ ...kind, signal: call.signal });
    push(hearing, spokenWords("book a table for two", 8000), 8000);
    if (name !== "vosk") {
      expect((await next(hearing, ({ text }) => text.includes("table"))).text).toContain("table");
      expect(fake.server.attempts).toBe(attempts);
      return;
    }
    hearing.finish();
    expect((await next(hearing)).text).toBe("book a table for two");
    // The second one is that of the next utterance.
    expect(fake.server.attempts).toBeLessThanOrEqual(attempts + 1);
  });

  test("a caller who hangs up before the answer leaves no connection", async () => {
    await stt.connect?.({ ...kind, signal: call.signal });
    await connected();
    call.abort();
    await expect.poll(() => fake.server.connections).toBe(0);
  });

  test("one that was lost meanwhile is not used", async () => {
    await stt.connect?.({ ...kind, signal: call.signal });
    await connected();
    fake.server.cut();
    await expect.poll(() => fake.server.connections).toBe(0);
    const hearing = stt.open({ ...kind, signal: call.signal });
    push(hearing, spokenWords("hello", 8000), 8000);
    hearing.finish();
    expect((await next(hearing)).text).toBe("hello");
  });

  test("one for another kind of call is not used, and the end of the other call does not harm this one", async () => {
    const other = new AbortController();
    await stt.connect?.({ ...kind, signal: other.signal });
    await connected();
    const wide = stt.open({ ...kind, rate: 16_000, signal: call.signal });
    await expect.poll(() => fake.server.connections).toBe(2);
    push(wide, spokenWords("hello", 16_000), 16_000);
    const mine = stt.open({ ...kind, signal: call.signal });
    other.abort();
    push(mine, spokenWords("hello", 8000), 8000);
    mine.finish();
    wide.finish();
    expect((await next(mine)).text).toBe("hello");
    expect((await next(wide)).text).toBe("hello");
  });
});

test("a call that rings too long has no connection kept for it", async () => {
  const fake = await FakeDeepgram.start(KEY);
  const clock = new VirtualClock();
  const stt = deepgram.create(deepgram.schema.parse({ ...KEY, url: fake.url }), { ...context, clock });
  const ring = new AbortController();
  await stt.connect?.({ rate: 8000, language: "en", hints: [], signal: ring.signal });
  await expect.poll(() => fake.server.connections, { timeout: 10_000 }).toBe(1);
  await clock.advance(30_000);
  await expect.poll(() => fake.server.connections).toBe(0);
  await fake.close();
});
