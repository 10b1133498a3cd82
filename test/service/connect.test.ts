import { afterEach, expect, test } from "vitest";
import type { SampleRate } from "../../src/audio/frame.ts";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { SpeechToText, TextToSpeech } from "../../src/conversation/providers.ts";
import { createLiveCalls } from "../../src/server/live.ts";
import { rateOfCodec } from "../../src/service/connect.ts";
import { Desk } from "../../src/service/desk.ts";
import { createGeneration } from "../../src/service/generation.ts";
import { catalogue, Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";
import { FakeEar, FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeJournal } from "../fakes/journal.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { FakeModel } from "../fakes/model.ts";
import { FakeVoice } from "../fakes/voice.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

type Hear = Parameters<NonNullable<SpeechToText["connect"]>>[0];
type Connect = Parameters<NonNullable<TextToSpeech["connect"]>>[0];

const open: { folder?: Folder } = {};
afterEach(() => open.folder?.[Symbol.dispose]());

/** A desk whose voice tells when it is asked for a connection, and whose call gets its media when the test says so. */
function deskWith(media: { codec: string; rate: SampleRate }) {
  const clock = new VirtualClock();
  const asked: { rate: SampleRate; language: string; answered: boolean }[] = [];
  let answered = false;
  const voice = Object.assign(new FakeVoice(clock), {
    connect: async ({ rate, language }: Connect) => void asked.push({ rate, language, answered }),
  });
  const heard: typeof asked = [];
  const ear = Object.assign(new FakeEar(clock), {
    connect: async ({ rate, language }: Hear) => void heard.push({ rate, language, answered }),
  });
  const stages = { vad: new FakeVoiceActivity(), stt: ear, llm: new FakeModel(clock), tts: voice };
  const fakes = {
    ...catalogue,
    providers: catalogue.providers.map((module) => ({
      ...module,
      create: () => stages[module.stage as keyof typeof stages] as never,
    })),
  };
  const folder = new Folder({ "sidetone.yaml": SOUND_SERVICE, "agents/reception.yaml": SOUND_AGENT });
  open.folder = folder;
  const config = loadConfig(folder.file, { catalogue: fakes, env: { ARI_PASSWORD: "x" } });
  const shared = { clock, log: silentLog, metrics: createMetrics() };
  const generation = createGeneration(config, { context: shared, ...shared, hintsOf: () => [] });
  const store = { open: () => ({ append() {}, change() {}, close() {} }) };
  const journal = new FakeJournal();
  const callers = { admit: () => true };
  const memories = { recall: async () => [], remember: () => {} };
  const live = createLiveCalls(shared);
  const opening = { agentIsOpen: () => true, hoursOf: () => ({ open: true }) };
  const parties = { callers, opening, briefs: { speak: () => undefined } };
  const desk = new Desk({ ...shared, ...parties, live, store, memories, journal, generation: () => generation });
  const opened = Promise.withResolvers<void>();
  const leg = new FakeLeg({
    codec: media.codec,
    media: async () => {
      await opened.promise;
      return new FakeMedia(clock, { rate: media.rate });
    },
  });
  const answer = async (): Promise<void> => {
    answered = true;
    opened.resolve();
    await clock.advance(100);
  };
  return { desk, leg, asked, heard, answer, clock };
}

test.each([
  { what: "a telephone call", codec: "ulaw", rate: 8000 },
  { what: "a wideband call", codec: "g722", rate: 16_000 },
] as const)(
  "$what has its voice's and its recogniser's connection opened at ring, for its own rate, and no other",
  async (media) => {
    const { desk, leg, asked, heard, answer } = deskWith(media);
    const over = desk.onLeg(leg, "asterisk");
    expect(asked).toEqual([{ rate: media.rate, language: "en", answered: false }]);
    expect(heard).toEqual(asked);
    await answer();
    expect(asked).toHaveLength(1);
    expect(heard).toHaveLength(1);
    leg.hangUp();
    await over;
  },
);

test("a call whose sound is not what its codec promised has one opened as soon as that is known", async () => {
  const { desk, leg, asked, answer } = deskWith({ codec: "opus", rate: 8000 });
  const over = desk.onLeg(leg, "asterisk");
  await answer();
  expect(asked.map(({ rate }) => rate)).toEqual([16_000, 8000]);
  leg.hangUp();
  await over;
});

test("codecs of both PBXs are known by their names", () => {
  const narrow = ["", "ulaw", "alaw", "PCMU", "PCMA", "gsm", "g729", "G729", "ilbc", "slin", "g726", "G.723"];
  expect(narrow.filter((codec) => rateOfCodec(codec) !== 8000)).toEqual([]);
  expect(["g722", "opus", "slin16", "speex16"].filter((codec) => rateOfCodec(codec) !== 16_000)).toEqual([]);
});
