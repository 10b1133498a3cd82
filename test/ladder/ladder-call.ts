import { z } from "zod";
import { silentLog } from "../../src/base/log.ts";
import type { Next } from "../../src/call/engine.ts";
import { serviceSchema } from "../../src/config/schema.ts";
import { type Agent, defineAgent } from "../../src/conversation/agent.ts";
import { converse } from "../../src/conversation/conversation.ts";
import type { ConversationProviders } from "../../src/conversation/conversation-providers.ts";
import { Filler } from "../../src/conversation/filler.ts";
import { LadderEar } from "../../src/conversation/ladder-ear.ts";
import { LadderModel } from "../../src/conversation/ladder-model.ts";
import { LadderVoice } from "../../src/conversation/ladder-voice.ts";
import { type ConversationLimits, defaultLimits } from "../../src/conversation/limits.ts";
import type { LanguageModel } from "../../src/conversation/providers.ts";
import type { Turn } from "../../src/conversation/turn.ts";
import { FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { FaultyEar, FaultyModel, FaultyVoice, Vocabulary } from "./faults.ts";
import { rungOf, Steps } from "./support.ts";

// What holds when the configuration says nothing.
const { ladder } = serviceSchema({ asterisk: z.any() }).parse({ engines: { asterisk: {} } });
const LOUD = 2_000;
const WORD_MS = 240;

/** A whole call in virtual time, with two providers for each stage. */
export class LadderCall {
  readonly clock = new VirtualClock();
  readonly media = new FakeMedia(this.clock);
  readonly leg = new FakeLeg({ media: async () => this.media });
  readonly said: string[] = [];
  readonly words = new Vocabulary();
  readonly ears = this.#pair((name) => new FaultyEar(this.clock, name, (sample) => this.said[sample - LOUD]));
  readonly models = this.#pair((name) => new FaultyModel(this.clock, name));
  readonly voices = this.#pair((name, seed) => new FaultyVoice(this.clock, name, this.words, seed));
  readonly steps = new Steps();
  readonly turns: Turn[] = [];
  readonly bargeIns: number[] = [];
  fillers = 0;
  filler: Filler | undefined;
  next: Next | undefined;
  #ended: Promise<void> | undefined;

  #pair<P>(make: (name: string, seed: number) => P): readonly [P, P] {
    return [make("cloud", 1), make("local", 7)];
  }

  providers(more: { models?: readonly LanguageModel[] } = {}): ConversationProviders {
    const { clock } = this;
    const { onStep } = this.steps;
    const models: readonly LanguageModel[] = more.models ?? this.models;
    return {
      vad: new FakeVoiceActivity(),
      stt: new LadderEar({
        rungs: this.ears.map((ear) => rungOf(clock, ear)),
        clock,
        onStep,
        limits: ladder.stt,
      }),
      llm: new LadderModel({
        rungs: models.map((model) => rungOf(clock, model)),
        clock,
        onStep,
        limits: ladder.llm,
      }),
      tts: new LadderVoice({
        rungs: this.voices.map((voice) => rungOf(clock, voice)),
        clock,
        onStep,
        limits: ladder.tts,
      }),
    };
  }

  async start(
    agent: Partial<Agent> = {},
    { limits = {}, models }: { limits?: Partial<ConversationLimits>; models?: readonly LanguageModel[] } = {},
  ): Promise<this> {
    const defined = defineAgent({ name: "test", greeting: "Hello, this is the clinic.", targets: ["sales"], ...agent });
    const providers = this.providers(models ? { models } : {});
    const ended = converse({
      media: this.media,
      leg: this.leg,
      agent: defined,
      providers,
      ...(this.filler && { filler: this.filler }),
      clock: this.clock,
      log: silentLog,
      observer: {
        callerWords() {},
        agentWords() {},
        bargeIn: (ms) => void this.bargeIns.push(ms),
        turn: (turn) => void this.turns.push(turn),
        fallback: (step) => {
          if (step.type === "filler") this.fillers += 1;
        },
      },
      limits: { ...defaultLimits, ...limits },
      signal: this.leg.signal,
    });
    this.#ended = ended.then((next) => {
      this.next = next;
    });
    await this.clock.advance(0);
    return this;
  }

  /** Speaks the fillers ahead, as the service does when it starts. */
  async prepareFiller(agent: Partial<Agent> = {}): Promise<void> {
    const defined = defineAgent({ name: "test", ...agent });
    this.filler = new Filler({ agent: defined, tts: this.providers().tts });
    const prepared = this.filler.prepare([8000], new AbortController().signal);
    await this.clock.advance(5_000);
    await prepared;
    for (const voice of this.voices) voice.pieces.length = 0;
  }

  async say(text: string, during?: { afterWords: number; happens: () => void }): Promise<void> {
    for (const [index, word] of text.split(" ").entries()) {
      if (during?.afterWords === index) during.happens();
      this.media.sound(WORD_MS - 40, LOUD + this.said.push(word) - 1);
      await this.clock.advance(WORD_MS);
    }
  }

  wait(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Lets time pass until the agent has spoken, and then been silent for `ms`; at most a minute. */
  async answered(ms = 900): Promise<void> {
    const fromMs = this.clock.now();
    for (let waited = 0; waited < 60_000 && this.next === undefined; waited += 20) {
      await this.clock.advance(20);
      const last = this.media.heard.at(-1)?.atMs ?? 0;
      if (last > fromMs && this.clock.now() - last >= ms) return;
    }
  }

  heard(fromMs = 0): string {
    const words: string[] = [];
    let last: number | undefined;
    for (const { atMs, sample } of this.media.heard) {
      if (atMs < fromMs || sample === last) continue;
      last = sample;
      words.push(this.words.at(sample)?.word ?? "?");
    }
    return words.join(" ");
  }

  /** The longest silence within what the caller heard of the agent since `fromMs`. */
  gapMs(fromMs: number): number {
    const times = this.media.heard.filter(({ atMs }) => atMs >= fromMs).map(({ atMs }) => atMs);
    return Math.max(0, ...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs) - 20));
  }

  /** Hangs up if need be, and sees that nothing is left behind. */
  async end(): Promise<number> {
    if (this.next === undefined) this.leg.hangUp();
    await this.clock.advance(3_000);
    await this.#ended;
    this.media.close();
    this.leg.hangUp();
    await this.clock.advance(100);
    return this.clock.pending;
  }
}
