import { Playout } from "../../src/audio/playout.ts";
import type { MediaStream } from "../../src/audio/stream.ts";
import { Breaker } from "../../src/base/breaker.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Rung } from "../../src/conversation/ladder.ts";
import { LadderModel } from "../../src/conversation/ladder-model.ts";
import { LadderVoice } from "../../src/conversation/ladder-voice.ts";
import type { LanguageModel, TextToSpeech } from "../../src/conversation/providers.ts";
import { Reply } from "../../src/conversation/reply.ts";
import { openai } from "../../src/providers/llm/openai.ts";
import { elevenlabs } from "../../src/providers/tts/elevenlabs.ts";
import { FakeElevenLabs } from "../../test/fakes/providers/elevenlabs-server.ts";
import { FakeOpenAi } from "../../test/fakes/providers/openai-server.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";

const NAME = "provider_death_silence_ms";
const ANSWER =
  "Of course, I can tell you that. The laboratory takes its last samples an hour before we close, so please come a little earlier. You can park behind the house, and it costs nothing.";
// What is usual of clouds near by.
const MODEL = { firstMs: 350, perSecond: 40 };
const VOICE = { firstMs: 180, perSecond: 4 };
// As in the schema's defaults.
const LIMITS = {
  llm: { firstMs: 2_000, stallMs: 1_000, hedgeMs: 0 },
  tts: { firstMs: 1_200, stallMs: 500, hedgeMs: 0 },
} as const;
const AT_ONCE = 5;
const LEAD_MS = 100;

/**
 * A model or a voice dies in the middle of an answer, by turns: the connection breaks, or it falls silent. The vendors' protocols over
 * loopback, real time, real playout; the measure is the longest gap between two frames of the answer as the caller hears it.
 */
export const death: Scenario = {
  name: "providers that die in mid-sentence",
  async run({ clock, trials, signal, undo, progress }: Bench): Promise<Findings> {
    const servers = [await pair(undo), await pair(undo)] as const;
    const silences: number[] = [];
    const kinds = ["llm close", "tts close", "llm stall", "tts stall"] as const;
    for (let done = 0; done < trials; done += AT_ONCE) {
      signal.throwIfAborted();
      const kind = kinds[(done / AT_ONCE) % kinds.length] ?? kinds[0];
      progress(`${done} of ${trials}: ${kind}`);
      const fault = kind.endsWith("close") ? "close" : "stall";
      servers[0].model.moods.set({ ...MODEL, ...(kind.startsWith("llm") && { fault }) });
      servers[0].voice.moods.set({ ...VOICE, ...(kind.startsWith("tts") && { fault }) });
      const count = Math.min(AT_ONCE, trials - done);
      silences.push(...(await Promise.all(Array.from({ length: count }, () => silenceOf(servers, clock)))));
    }
    return { samples: { [NAME]: silences }, notes: ["loopback servers that speak OpenAI's and ElevenLabs' protocols"] };
  },
};

interface Servers {
  readonly model: FakeOpenAi;
  readonly voice: FakeElevenLabs;
}

async function pair(undo: AsyncDisposableStack): Promise<Servers> {
  const model = await new FakeOpenAi(MODEL).listen();
  undo.defer(() => model.close());
  const voice = await new FakeElevenLabs(VOICE).listen();
  undo.defer(() => voice.close());
  model.answer = ({ messages }) => {
    const last = messages.at(-1)?.content ?? "";
    return { text: last.startsWith("(") ? ANSWER.slice((messages.at(-2)?.content ?? "").length).trim() : ANSWER };
  };
  return { model, voice };
}

const rung = <P>(name: string, provider: P, clock: Clock): Rung<P> => ({
  name,
  provider,
  breaker: new Breaker(clock, { failures: 2, retryMs: 60_000, retryMaxMs: 60_000 }),
});

/** One answer, heard to its end: the longest silence in it, in ms. */
async function silenceOf(servers: readonly Servers[], clock: Clock): Promise<number> {
  const context = { clock, log: silentLog };
  const models: Rung<LanguageModel>[] = servers.map(({ model }, index) => {
    const settings = openai.schema.parse({ model: "a-model", baseUrl: model.baseUrl, apiKey: "sk-bench" });
    return rung(String(index), openai.create(settings, context), clock);
  });
  const voices: Rung<TextToSpeech>[] = servers.map(({ voice }, index) => {
    const settings = elevenlabs.schema.parse({ apiKey: "sk-bench", baseUrl: voice.wsUrl, voice: "anna" });
    return rung(String(index), elevenlabs.create(settings, context), clock);
  });
  const onStep = (): void => {};
  const llm = new LadderModel({ rungs: models, clock, limits: LIMITS.llm, onStep });
  const tts = new LadderVoice({ rungs: voices, clock, limits: LIMITS.tts, onStep });
  // As a call does at ring.
  const how = { voice: "anna", rate: 8000, language: "en", signal: new AbortController().signal } as const;
  await Promise.all([llm.connect(how), tts.connect(how)]);
  const { media, gaps } = listening(clock);
  try {
    await heard(media, { llm, tts, clock });
  } finally {
    media.close();
    await Promise.all([...models, ...voices].map(({ provider }) => provider.close()));
  }
  return Math.max(0, ...gaps);
}

function heard(
  media: MediaStream,
  { llm, tts, clock }: { llm: LanguageModel; tts: TextToSpeech; clock: Clock },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const reply = new Reply({
      source: (signal) => llm.reply([{ role: "user", content: "When are you open?" }], { tools: [], signal }),
      wordsFor: () => undefined,
      tts,
      voice: "anna",
      language: "en",
      media,
      clock,
      stallMs: 10_000,
      maxCharacters: 4_000,
      events: {
        begins: () => 0,
        usage() {},
        audio() {},
        words() {},
        done: () => resolve(),
        failed: (_, error) => reject(error),
      },
    });
    reply.release();
  });
}

/** A line that takes 20 ms for each frame; `gaps`: between the end of one frame of the answer and the beginning of the next, in ms. */
function listening(clock: Clock = systemClock): { media: MediaStream; gaps: number[] } {
  const gaps: number[] = [];
  let endMs: number | undefined;
  const sink = { send() {}, flush() {} };
  const playout = new Playout({ clock, rate: 8000, leadMs: LEAD_MS, queueMs: 1_000, sink });
  playout.onSent((_, playsAtMs) => {
    if (endMs !== undefined) gaps.push(Math.max(0, playsAtMs - endMs));
    endMs = playsAtMs + 20;
  });
  playout.start();
  const media: MediaStream = {
    rate: 8000,
    get heardMs() {
      return playout.heardMs;
    },
    onFrame() {},
    write: (frame) => playout.write(frame),
    room: (signal) => playout.room(signal),
    drained: (signal) => playout.drained(signal),
    hold: () => playout.hold(),
    resume: () => playout.resume(),
    clear: () => playout.clear(),
    close: () => playout.close(),
  };
  return { media, gaps };
}
