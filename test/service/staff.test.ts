import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { emptyCdr, openCdr } from "../../src/call/cdr.ts";
import type { AgentConfig, Catalogue } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { LadderStep } from "../../src/conversation/ladder.ts";
import { ProviderError } from "../../src/conversation/providers.ts";
import { createGeneration, type Generation } from "../../src/service/generation.ts";
import { fallbackOnRecord, measureConversation } from "../../src/service/measure.ts";
import { Staff } from "../../src/service/staff.ts";
import { catalogue, Folder, SOUND_SERVICE } from "../config/support.ts";
import { FakeEar, FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeModel } from "../fakes/model.ts";
import { FakeVoice } from "../fakes/voice.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const SERVICE = `${SOUND_SERVICE}providers:
  eleven: {type: cloud, stage: tts, apiKey: {env: KEY}}
ladder: {failures: 1, tts: {firstMs: 500}}
`;
const AGENT = `greeting: Hello.
voice: anna
voices: {flite: rms}
tts: [eleven, flite]
prompts: {filler: [Just a second.]}
script:
  else: Pardon?
`;

let clock: VirtualClock;
let metrics: ReturnType<typeof createMetrics>;
let generation: Generation;
let voices: Record<string, FakeVoice & { asked: string[] }>;

/** The tests' catalogue with fakes; the voice "eleven" has a key that is refused. */
function fakes(): Catalogue {
  const make = (stage: string, name: string) => {
    if (stage === "vad") return new FakeVoiceActivity();
    if (stage === "stt") return new FakeEar(clock);
    if (stage === "llm") return new FakeModel(clock);
    const voice = Object.assign(new FakeVoice(clock), { asked: [] as string[] });
    const { speak } = voice;
    voice.speak = (text, options) => {
      voice.asked.push((options as unknown as { voice: string }).voice);
      if (name === "eleven") throw new ProviderError(name, "refused", "the key is not valid");
      return speak.call(voice, text, options);
    };
    voices[name] = voice;
    return voice;
  };
  return {
    ...catalogue,
    providers: catalogue.providers.map((module) => ({
      ...module,
      create: (_options: unknown, context: { name?: string }) =>
        make(module.stage, context.name ?? module.name) as never,
    })),
  };
}

beforeEach(async () => {
  clock = new VirtualClock();
  metrics = createMetrics();
  voices = {};
  using folder = new Folder({ "sidetone.yaml": SERVICE, "agents/reception.yaml": AGENT });
  const config = loadConfig(folder.file, {
    catalogue: fakes(),
    env: { ARI_PASSWORD: "x", KEY: "k", HOME: "/home/pbx" },
  });
  generation = createGeneration(config, {
    context: { clock, log: silentLog },
    log: silentLog,
    metrics,
    hintsOf: () => [],
  });
  await clock.advance(100);
});
afterEach(() => generation.retire());

/** A call's voice says a word. */
async function say(steps: LadderStep[]): Promise<void> {
  const { tts } = generation.agentFor({ agent: "", did: "", to: "" }).forCall((step) => void steps.push(step));
  const options = { voice: "anna", rate: 8000, language: "en", signal: new AbortController().signal } as const;
  const spoken = Array.fromAsync(tts.speak(one("Yes."), options));
  await clock.advance(200);
  expect((await spoken).length).toBeGreaterThan(0);
}

async function* one(piece: string): AsyncGenerator<string> {
  yield piece;
}

describe("an agent with a list of voices", () => {
  test("is spoken for by the next one, in its own voice, and all calls know who fails", async () => {
    const asked = voices.eleven?.asked.length ?? 0;
    const steps: LadderStep[] = [];
    await say(steps);
    await say(steps);
    // The fillers, which were spoken ahead, have found out already.
    expect(asked).toBe(1);
    expect(voices.eleven?.asked).toEqual(["anna"]);
    expect(new Set(voices.flite?.asked)).toEqual(new Set(["rms"]));
    expect(steps.map(fallbackOnRecord)).toEqual(["tts eleven open, next flite", "tts eleven open, next flite"]);
  });

  test("is tried again by one request after the pause", async () => {
    await say([]);
    await clock.advance(5_000);
    await say([]);
    expect(voices.eleven?.asked).toHaveLength(2);
  });

  test("has its requests counted by the names of the configuration", async () => {
    const { values } = await metrics.providerRequests.get();
    const counts = Object.fromEntries(
      values.map(({ labels, value }) => [`${labels.provider} ${labels.result}`, value]),
    );
    expect(counts).toMatchObject({ "flite ok": 2 });
  });

  test("has its fillers at hand, at both rates", () => {
    const { filler } = generation.agentFor({ agent: "", did: "", to: "" });
    for (const rate of [8000, 16_000] as const) {
      expect(filler.words(rate, 0)?.length).toBeGreaterThan(5);
      expect(filler.words(rate, 0)?.every(({ pcm }) => pcm.length === rate / 50)).toBe(true);
    }
  });
});

test("an agent has the turn model of the configuration, unless it does without or speaks what that does not know", async () => {
  const service = `${SERVICE}turnModel: {file: none.onnx, deadlineMs: 200}\n`;
  const folder = { "sidetone.yaml": service, "agents/reception.yaml": AGENT };
  using files = new Folder({
    ...folder,
    "agents/without.yaml": `${AGENT}turnModel: false\n`,
    "agents/swedish.yaml": `${AGENT}language: sv\n`,
    "sidetone.yaml": `${service}defaultAgent: reception\n`,
  });
  const env = { ARI_PASSWORD: "x", KEY: "k", HOME: "/home/pbx" };
  const config = loadConfig(files.file, { catalogue: fakes(), env });
  const context = { clock, log: silentLog };
  const staff = new Staff(config, { context, metrics });
  const turnOf = (name: string) => staff.of(config.agents[name] as AgentConfig)(() => {}).turn;
  expect(turnOf("without")).toBeUndefined();
  expect(turnOf("swedish")).toBeUndefined();
  const turn = turnOf("reception");
  expect(turn).toMatchObject({ deadlineMs: 200, threshold: 0.5, completeMs: 300, incompleteMs: 1500 });
  const sound = { pcm: new Int16Array(160), rate: 8000 };
  await expect(turn?.model.judge(sound, new AbortController().signal)).rejects.toThrow(/none\.onnx is not there/);
  await staff.close(silentLog);
});

test("a step is in the record and in the metrics", async () => {
  const leg = new FakeLeg({ media: () => Promise.reject(new Error("none")) });
  const store = { open: () => ({ append() {}, change() {}, close() {} }) };
  const cdr = openCdr(leg, { engine: "asterisk", agent: "reception", clock, store });
  expect(emptyCdr(leg, { engine: "asterisk", agent: "", started: "" }).fallbacks).toEqual([]);
  const observer = measureConversation(metrics);
  const told: LadderStep[] = [
    { type: "failed", stage: "llm", provider: "openai", next: "local", code: "timeout" },
    { type: "returned", stage: "llm", provider: "openai" },
    { type: "failed", stage: "tts", provider: "flite", next: undefined, code: "missing" },
  ];
  for (const step of told) {
    cdr.fallback(fallbackOnRecord(step));
    observer.fallback?.(step);
  }
  expect(cdr.cdr.fallbacks).toEqual([
    "llm openai timeout, next local",
    "llm openai back",
    "tts flite missing, next nobody",
  ]);
  const { values } = await metrics.fallbacks.get();
  expect(values.map(({ labels, value }) => [labels.reason, value])).toEqual([
    ["llm_timeout", 1],
    ["tts_missing", 1],
  ]);
});
