import { Breaker } from "../base/breaker.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { AgentConfig, Config, ConfiguredProvider } from "../config/config.ts";
import type { TurnChoice } from "../conversation/completeness.ts";
import type { ConversationProviders } from "../conversation/conversation-providers.ts";
import type { LadderStep, Rung } from "../conversation/ladder.ts";
import { LadderEar } from "../conversation/ladder-ear.ts";
import { LadderModel } from "../conversation/ladder-model.ts";
import { LadderVoice } from "../conversation/ladder-voice.ts";
import type { LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech } from "../conversation/providers.ts";
import type { ProviderContext, ProviderModule, Stage, StagePort } from "../providers/module.ts";
import { SmartTurn, smartTurnKnows } from "../providers/turn/smart-turn.ts";
import { type Count, countEar, countModel, countSpeech, countTurn, countVoice } from "./counted.ts";

/** Makes one call's providers: each stage's list as one. `onStep`: what is to be told of it. */
export type ForCall = (onStep: (step: LadderStep) => void) => ConversationProviders;

interface Made {
  readonly provider: { close(): Promise<void> };
  readonly breaker: Breaker;
}

/** One instance of each configured provider, with its breaker; a scripted model is its agent's own, because the script is. */
export class Staff {
  readonly #made = new Map<string, Made>();
  #turnModel: SmartTurn | undefined;
  readonly #config: Config;
  readonly #context: ProviderContext;
  readonly #metrics: Metrics;

  constructor(config: Config, { context, metrics }: { context: ProviderContext; metrics: Metrics }) {
    this.#config = config;
    this.#context = context;
    this.#metrics = metrics;
  }

  /** The providers that serve an agent, made now. */
  of(settings: AgentConfig): ForCall {
    const { clock } = this.#context;
    const { ladder } = this.#config;
    const count = (provider: string, result: string) => this.#metrics.providerRequests.inc({ provider, result });
    const vad = this.#first("vad", settings);
    const stt = this.#rungs("stt", settings).map((rung) => counted<SpeechToText>(rung, countEar, count));
    const llm = this.#rungs("llm", settings).map((rung) => counted<LanguageModel>(rung, countModel, count));
    const tts = this.#rungs("tts", settings).map((rung) => counted<TextToSpeech>(rung, countVoice, count));
    const speech = this.#rungs("speech", settings).map((rung) => counted<SpeechToSpeech>(rung, countSpeech, count));
    const turn = this.#turn(settings, count);
    const { voices } = settings;
    return (onStep) => ({
      vad,
      stt: new LadderEar({ rungs: stt, limits: ladder.stt, clock, onStep }),
      llm: new LadderModel({ rungs: llm, limits: ladder.llm, clock, onStep }),
      tts: new LadderVoice({ rungs: tts, limits: ladder.tts, clock, onStep, voices }),
      ...(speech.length > 0 && { speech: { rungs: speech, onStep, voices } }),
      ...(turn && { turn }),
    });
  }

  async close(log: Log): Promise<void> {
    const all = [
      ...[...this.#made.values()].map(({ provider }) => provider),
      ...(this.#turnModel ? [this.#turnModel] : []),
    ];
    const ends = await Promise.allSettled(all.map((provider) => provider.close()));
    for (const end of ends)
      if (end.status === "rejected") log.warn({ err: end.reason }, "a provider did not close cleanly");
  }

  /** One model for all who ask it. An agent that does not, or speaks what it does not know, has silence alone. */
  #turn({ turnModel: asked, language }: AgentConfig, count: Count): TurnChoice | undefined {
    const { turnModel } = this.#config;
    if (!turnModel || !asked || !smartTurnKnows(language)) return undefined;
    this.#turnModel ??= new SmartTurn({ ...turnModel, ...this.#context });
    return { ...turnModel, model: countTurn(this.#turnModel, count) };
  }

  #first(stage: "vad", settings: AgentConfig): StagePort["vad"] {
    return this.#rungs(stage, settings, 1)[0]?.provider as StagePort["vad"];
  }

  // The stage of a module says which port it creates; the registry's types hold the two together.
  #rungs<S extends Stage>(stage: S, settings: AgentConfig, limit = Number.POSITIVE_INFINITY): Rung<StagePort[S]>[] {
    return namesOf(stage, settings)
      .slice(0, limit)
      .map((name) => {
        const configured = this.#config.providers[stage][name];
        if (!configured) throw new Error(`no provider serves ${stage} for the agent "${settings.name}"`);
        const { provider, breaker } = this.#create(
          configured as ConfiguredProvider & { module: ProviderModule<S> },
          settings,
        );
        return { name, provider: provider as StagePort[S], breaker };
      });
  }

  #create({ module, name, options }: ConfiguredProvider, settings: AgentConfig): Made {
    const own = module.name === SCRIPTED;
    const key = `${module.stage} ${name}${own ? ` ${settings.name} ${settings.language}` : ""}`;
    const existing = this.#made.get(key);
    if (existing) return existing;
    const given = own ? { ...(options as object), script: settings.script, language: settings.language } : options;
    const made = {
      provider: module.create(given, { ...this.#context, name }),
      breaker: this.#breaker(this.#context.clock),
    };
    this.#made.set(key, made);
    return made;
  }

  #breaker(clock: Clock): Breaker {
    const { failures, retrySeconds, retryMaxSeconds } = this.#config.ladder;
    return new Breaker(clock, { failures, retryMs: retrySeconds * 1000, retryMaxMs: retryMaxSeconds * 1000 });
  }
}

const SCRIPTED = "scripted";

/** In their order; each once. Whoever has a script is never without an answer. */
function namesOf(stage: Stage, { choices, script }: AgentConfig): readonly string[] {
  const last = stage === "llm" && script !== undefined ? [SCRIPTED] : [];
  return [...new Set([...choices[stage], ...last])];
}

const counted = <P>(
  { name, provider, breaker }: Rung<P>,
  count: (provider: P, name: string, count: (provider: string, result: string) => void) => P,
  to: (provider: string, result: string) => void,
): Rung<P> => ({ name, breaker, provider: count(provider, name, to) });
