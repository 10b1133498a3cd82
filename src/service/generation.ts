import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { AgentConfig, Config, ConfiguredProvider } from "../config/config.ts";
import { type Agent, defineAgent } from "../conversation/agent.ts";
import type { ConversationProviders } from "../conversation/conversation.ts";
import { type ConversationLimits, defaultLimits } from "../conversation/limits.ts";
import { warmVoice } from "../conversation/warm.ts";
import type { ProviderContext, ProviderModule, Stage, StagePort } from "../providers/module.ts";
import { countRequests } from "./counted.ts";

/** An agent with the providers that serve it. */
export interface StaffedAgent {
  readonly agent: Agent;
  readonly providers: ConversationProviders;
}

/**
 * What one reading of the configuration led to: the agents, and the providers that they use. A reload makes a new one;
 * the old one serves the calls it has, and closes its providers after the last.
 */
export interface Generation {
  readonly config: Config;
  /** The agent for a call: the one asked for by name, else the one of the called number, else the default one. */
  agentFor(call: { agent: string; did: string; to: string }): StaffedAgent;
  /** A call begins; the returned function ends it, once. */
  enter(): () => void;
  /** No new call comes. Resolves when the providers are closed. */
  retire(): Promise<void>;
}

export interface GenerationOptions {
  readonly context: ProviderContext;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What callers are expected to say, out of an agent's script. */
  readonly hintsOf: (script: unknown) => readonly string[];
}

export function createGeneration(config: Config, { context, log, metrics, hintsOf }: GenerationOptions): Generation {
  const pool = createPool(context);
  const staff = new Map<string, StaffedAgent>();
  for (const settings of Object.values(config.agents)) {
    const agent = agentOf(settings, settings.script === undefined ? [] : hintsOf(settings.script));
    staff.set(settings.name, { agent, providers: countRequests(pool.providersOf(settings, config), metrics) });
  }
  const ended = Promise.withResolvers<void>();
  const prepared = new AbortController();
  for (const { agent, providers } of staff.values()) prepare(agent, providers, log, prepared.signal);
  const numberOf = (number: string) => (Object.hasOwn(config.numbers, number) ? config.numbers[number] : undefined);
  let calls = 0;
  let retired = false;
  const closeWhenIdle = (): void => {
    if (retired && calls === 0) pool.close(log).then(ended.resolve, ended.reject);
  };
  return {
    config,
    agentFor({ agent, did, to }) {
      const asked = staff.get(agent);
      if (agent !== "" && !asked)
        log.warn({ agent }, "the dialplan asks for an agent that is not there; another one answers");
      const found = asked ?? staff.get(numberOf(did) ?? numberOf(to) ?? config.defaultAgent);
      if (!found) throw new Error(`there is no agent "${config.defaultAgent}"`);
      return found;
    },
    enter() {
      calls++;
      let over = false;
      return () => {
        if (over) return;
        over = true;
        calls--;
        closeWhenIdle();
      };
    },
    retire() {
      retired = true;
      prepared.abort();
      closeWhenIdle();
      return ended.promise;
    },
  };
}

/** Both rates that a call can have. */
const RATES = [8000, 16_000] as const;

/**
 * What the agent says in every call is spoken ahead, so that its first frame is there at once, and the recogniser learns
 * what its callers say. A failure only costs that.
 */
function prepare(agent: Agent, { tts, stt }: ConversationProviders, log: Log, signal: AbortSignal): void {
  const { name, language, hints } = agent;
  const failed = (what: string) => (error: unknown) => {
    if (!signal.aborted) log.warn({ err: error, agent: name }, what);
  };
  const spoken = warmVoice({ agent, tts, rates: RATES, signal });
  spoken.catch(failed("the agent's own sentences could not be prepared"));
  // Most callers come by telephone codecs; a wideband caller's first words may come a second later.
  const heard = stt.prepare?.({ rate: 8000, language, hints, signal });
  heard?.catch(failed("the recogniser could not be prepared"));
}

/** The agent as a conversation wants it. */
export function agentOf(settings: AgentConfig, hints: readonly string[]): Agent {
  const { noInput, ...prompts } = settings.prompts;
  const said = Object.fromEntries(Object.entries(prompts).filter(([, text]) => text !== undefined));
  return defineAgent({
    name: settings.name,
    language: settings.language,
    greeting: settings.greeting,
    voice: settings.voice,
    pauseMs: settings.pauseMs,
    prompt: settings.prompt ?? "",
    prompts: {
      ...said,
      ...(noInput === undefined ? {} : { noInput: typeof noInput === "string" ? [noInput] : noInput }),
    },
    hints,
    targets: settings.targets,
    limits: limitsOf(settings),
  });
}

function limitsOf({ limits }: AgentConfig): ConversationLimits {
  return {
    ...defaultLimits,
    callMs: limits.callMinutes * 60_000,
    turns: limits.turns,
    silenceMs: limits.silenceSeconds * 1000,
    replyCharacters: limits.replyChars,
  };
}

/** One instance of each configured provider; a scripted model is its agent's own, because the script is. */
function createPool(context: ProviderContext) {
  const made = new Map<string, { close(): Promise<void> }>();
  const create = (configured: ConfiguredProvider, settings: AgentConfig) => {
    const { module, name, options } = configured;
    const own = module.name === "scripted";
    const key = `${module.stage} ${name}${own ? ` ${settings.name}` : ""}`;
    const existing = made.get(key);
    if (existing) return existing;
    const given = own ? { ...(options as object), script: settings.script } : options;
    const provider = module.create(given, context);
    made.set(key, provider);
    return provider;
  };
  // The stage of a module says which port it creates; the registry's types hold the two together.
  const first = <S extends Stage>(stage: S, settings: AgentConfig, config: Config): StagePort[S] => {
    const configured = config.providers[stage][settings.choices[stage][0] ?? ""];
    if (!configured) throw new Error(`no provider serves ${stage} for the agent "${settings.name}"`);
    return create(configured as ConfiguredProvider & { module: ProviderModule<S> }, settings) as StagePort[S];
  };
  return {
    providersOf: (settings: AgentConfig, config: Config): ConversationProviders => ({
      vad: first("vad", settings, config),
      stt: first("stt", settings, config),
      llm: first("llm", settings, config),
      tts: first("tts", settings, config),
    }),
    async close(log: Log): Promise<void> {
      const ends = await Promise.allSettled([...made.values()].map((provider) => provider.close()));
      for (const end of ends)
        if (end.status === "rejected") log.warn({ err: end.reason }, "a provider did not close cleanly");
    },
  };
}
