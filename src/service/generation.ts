import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Next } from "../call/engine.ts";
import type { AgentConfig, Config } from "../config/config.ts";
import { type Agent, defineAgent, type Human } from "../conversation/agent.ts";
import type { Collector } from "../conversation/collector.ts";
import type { ConversationProviders } from "../conversation/conversation-providers.ts";
import { Filler } from "../conversation/filler.ts";
import { HUMAN_KEY } from "../conversation/human.ts";
import { keypadWords } from "../conversation/keypad-words.ts";
import { type ConversationLimits, defaultLimits } from "../conversation/limits.ts";
import type { OutcomeForm } from "../conversation/outcome.ts";
import type { MoreTools } from "../conversation/tools.ts";
import { warmVoice } from "../conversation/warm.ts";
import { textsOf } from "../providers/llm/scripted/script.ts";
import type { ProviderContext } from "../providers/module.ts";
import { Toolbox } from "../providers/tools/toolbox.ts";
import { formOf } from "./outcome.ts";
import { type ForCall, Staff } from "./staff.ts";

/** An agent with the providers that serve it. */
export interface StaffedAgent {
  readonly agent: Agent;
  /** The same outside of its hours. */
  readonly closed: Agent;
  /** What it says while something is slow. */
  readonly filler: Filler;
  readonly forCall: ForCall;
  /** The same in its other languages. */
  readonly variants?: readonly (Pick<StaffedAgent, "agent" | "closed" | "filler" | "forCall"> & {
    readonly key?: string;
  })[];
  /** What is filled after each of its calls. */
  readonly form?: OutcomeForm;
  /** Who is told of them. */
  readonly webhook?: string;
  /** What it may do beyond what every agent may. */
  readonly tools: MoreTools;
  /** It knows and notes what is remembered of callers. */
  readonly remembers: boolean;
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
  readonly hintsOf: (script: unknown, language: string) => readonly string[];
}

export function createGeneration(config: Config, { context, log, metrics, hintsOf }: GenerationOptions): Generation {
  const pool = new Staff(config, { context, metrics });
  const staff = new Map<string, StaffedAgent>();
  const used = new Set(Object.values(config.agents).flatMap(({ tools }) => tools));
  const toolbox = new Toolbox({ tools: config.tools, used, clock: context.clock, log });
  const prepared = new AbortController();
  const staffed = (settings: AgentConfig): Pick<StaffedAgent, "agent" | "closed" | "filler" | "forCall"> => {
    const scripted = settings.script === undefined ? [] : hintsOf(settings.script, settings.language);
    const hints = [...new Set([...settings.keywords, ...scripted])];
    const agent = agentOf(settings, hints, config.ladder, config.people);
    const closed = closedAgent(agent, settings);
    const forCall = pool.of(settings);
    const ahead = forCall(nobodyIsTold);
    const filler = new Filler({ agent, tts: ahead.tts });
    prepare({ agent, closed, filler }, ahead, { clock: context.clock, log, signal: prepared.signal });
    return { agent, closed, forCall, filler };
  };
  for (const settings of Object.values(config.agents)) {
    const first = staffed(settings);
    const variants = settings.variants.map(({ key, ...variant }) => {
      const { closed, ...other } = staffed(variant);
      // The words for outside of the hours are written in the agent's first language.
      return { ...other, closed: { ...closed, greeting: other.agent.greeting }, ...(key && { key }) };
    });
    const { outcome, webhook } = settings;
    const after = { ...(outcome && { form: formOf(outcome) }), ...(webhook !== undefined && { webhook }) };
    const more = { tools: toolbox.for(settings.tools), remembers: settings.memory };
    staff.set(settings.name, { ...first, variants, ...after, ...more });
  }
  const ended = Promise.withResolvers<void>();
  const numberOf = (number: string) => (Object.hasOwn(config.numbers, number) ? config.numbers[number] : undefined);
  let calls = 0;
  let retired = false;
  const closeWhenIdle = (): void => {
    if (retired && calls === 0)
      Promise.all([pool.close(log), toolbox.close()]).then(() => ended.resolve(), ended.reject);
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

// What is prepared belongs to no call's record.
const nobodyIsTold = (): void => {};

/**
 * What the agent says in every call is spoken ahead, so that its first frame is there at once, and the recogniser learns
 * what its callers say. A failure only costs that. Each begins in a turn of its own: to start a process takes a while in which
 * nobody's sound is moved, and there may be calls.
 */
function prepare(
  { agent, closed, filler }: Pick<StaffedAgent, "agent" | "closed" | "filler">,
  { tts, stt }: ConversationProviders,
  { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal },
): void {
  const { name, language, hints } = agent;
  const failed = (what: string) => (error: unknown) => {
    if (!signal.aborted) log.warn({ err: error, agent: name }, what);
  };
  const turn = (): Promise<void> => clock.sleep(0, signal);
  const greetings = [agent, ...(closed.greeting === agent.greeting ? [] : [closed])];
  const spoken = greetings.reduce(
    (before, one) => before.then(() => warmVoice({ agent: one, tts, rates: RATES, signal })),
    turn(),
  );
  spoken.catch(failed("the agent's own sentences could not be prepared"));
  const filled = spoken.catch(() => undefined).then(() => filler.prepare(RATES, signal));
  filled.catch(failed("the agent's fillers could not be prepared"));
  // Most callers come by telephone codecs; a wideband caller's first words may come a second later.
  const heard = turn()
    .then(turn)
    .then(() => stt.prepare?.({ rate: 8000, language, hints, signal }));
  heard.catch(failed("the recogniser could not be prepared"));
}

/** The agent as a conversation wants it. */
export function agentOf(
  settings: AgentConfig,
  hints: readonly string[],
  ladder: Config["ladder"],
  people: Config["people"] = {},
): Agent {
  const { noInput, filler, ...prompts } = settings.prompts;
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
      ...(noInput !== undefined && { noInput: listOf(noInput) }),
      ...(filler !== undefined && { filler: listOf(filler) }),
    },
    hints,
    texts: textsOf(settings.script),
    targets: settings.targets,
    collectors: collectorsOf(settings),
    human: humanOf(settings, hints),
    people: peopleOf(settings.targets, people),
    limits: limitsOf(settings, ladder),
  });
}

/** Where a script answers the key itself, it keeps it. */
function humanOf({ human, targets }: AgentConfig, hints: readonly string[]): Human | undefined {
  if (human === false || (human === undefined && hints.includes(HUMAN_KEY))) return undefined;
  if (human !== undefined) return { target: human };
  return targets.includes(OPERATOR) ? { target: OPERATOR } : "menu";
}

const OPERATOR = "operator";

function collectorsOf({ collectors, language }: AgentConfig): readonly Collector[] {
  const words = keypadWords(language);
  return Object.entries(collectors).map(([name, { firstSeconds, betweenSeconds, wrong, nothing, ...collector }]) => ({
    ...collector,
    name,
    wrong: wrong ?? words.wrong,
    nothing: nothing ?? words.nothing,
    firstMs: firstSeconds * 1000,
    betweenMs: betweenSeconds * 1000,
  }));
}

/** Those whom the agent may transfer to. */
function peopleOf(targets: readonly string[], people: Config["people"]): Agent["people"] {
  const known = targets.flatMap((target) => {
    const settings = Object.hasOwn(people, target) ? people[target] : undefined;
    if (!settings) return [];
    const { title = target.replaceAll("_", " "), hours: _hours, ...person } = settings;
    return [[target, { ...person, title }] as const];
  });
  return Object.fromEntries(known);
}

/** The agent outside of its hours. Whose file says nothing of them leads to the menu without a word. */
export function closedAgent(agent: Agent, { closed }: Pick<AgentConfig, "closed">): Agent {
  const { greeting = "", prompt, next = "menu" } = closed ?? {};
  if (next === "agent") {
    const told = prompt === undefined ? agent.prompt : `${agent.prompt}\n\n${prompt}`;
    return defineAgent({ ...agent, greeting, prompt: told });
  }
  const after: Next =
    next === "menu"
      ? { next: "menu", reason: "closed" }
      : next === "hangup"
        ? { next: "hangup" }
        : { next: "transfer", target: next };
  return defineAgent({ ...agent, greeting, afterGreeting: after });
}

const listOf = (text: string | readonly string[]): readonly string[] => (typeof text === "string" ? [text] : text);

// The last provider of a list is given so long, after the deadlines of the others.
const LAST_MS = 3_000;

function limitsOf({ limits, choices, script }: AgentConfig, ladder: Config["ladder"]): ConversationLimits {
  const { llm, tts } = ladder;
  const models = choices.llm.length + (script === undefined ? 0 : 1);
  const waitsMs = Math.max(models * llm.firstMs, choices.tts.length * tts.firstMs) + LAST_MS;
  return {
    ...defaultLimits,
    // Nobody is given up before everybody was asked.
    stallMs: Math.max(defaultLimits.stallMs, waitsMs),
    replyMs: Math.max(defaultLimits.replyMs, waitsMs + LAST_MS),
    fillerMs: ladder.fillerMs,
    callMs: limits.callMinutes * 60_000,
    turns: limits.turns,
    silenceMs: limits.silenceSeconds * 1000,
    replyCharacters: limits.replyChars,
  };
}
