import type { Metrics } from "../base/metrics.ts";
import type { ConversationObserver, Fallback } from "../conversation/observer.ts";
import type { Usage } from "../conversation/providers.ts";
import type { TurnLatency } from "../conversation/turn.ts";

const STAGES: readonly (readonly [keyof TurnLatency, string])[] = [
  ["endpointMs", "endpoint"],
  ["sttMs", "stt"],
  ["llmMs", "llm"],
  ["ttsMs", "tts"],
  ["playoutMs", "playout"],
];

/** Few values, whatever the providers are called: `llm_timeout`, `filler`. Undefined: nothing stands in for anything. */
function reasonOf(step: Fallback): string | undefined {
  if (step.type === "filler") return "filler";
  return step.type === "failed" ? `${step.stage}_${step.code}` : undefined;
}

/** What the record says of it: `llm openai timeout, next local`. */
export function fallbackOnRecord(step: Fallback): string {
  if (step.type === "filler") return "filler";
  const { stage, provider } = step;
  if (step.type === "returned") return `${stage} ${provider} back`;
  return `${stage} ${provider} ${step.code}, next ${step.next ?? "nobody"}`;
}

/** Counts what a conversation tells of itself. */
export function measureConversation(metrics: Metrics): ConversationObserver {
  return {
    callerWords() {},
    agentWords() {},
    bargeIn(ms) {
      metrics.bargeInSeconds.observe(ms / 1000);
    },
    fallback(step) {
      const reason = reasonOf(step);
      if (reason !== undefined) metrics.fallbacks.inc({ reason });
    },
    usage: (usage) => countUsage(metrics, usage),
    turn({ latency }) {
      if (latency.totalMs !== undefined) metrics.replyLatencySeconds.observe(latency.totalMs / 1000);
      for (const [key, stage] of STAGES) {
        const ms = latency[key];
        if (ms !== undefined) metrics.stageSeconds.observe({ stage }, ms / 1000);
      }
    },
  };
}

function countUsage(metrics: Metrics, usage: Usage): void {
  const { provider, inputTokens = 0, cachedTokens = 0, outputTokens = 0, characters = 0, cost = 0 } = usage;
  const kinds = { input: inputTokens - cachedTokens, cached: cachedTokens, output: outputTokens };
  for (const [kind, tokens] of Object.entries(kinds))
    if (tokens > 0) metrics.providerTokens.inc({ provider, kind }, tokens);
  if (characters > 0) metrics.providerCharacters.inc({ provider }, characters);
  if (cost > 0) metrics.providerCost.inc({ provider }, cost);
}

/** One observer that tells several, in their order. */
export function tellAll(observers: readonly ConversationObserver[]): ConversationObserver {
  return {
    callerWords(text, final) {
      for (const observer of observers) observer.callerWords(text, final);
    },
    agentWords(text) {
      for (const observer of observers) observer.agentWords(text);
    },
    bargeIn(ms) {
      for (const observer of observers) observer.bargeIn(ms);
    },
    turn(turn) {
      for (const observer of observers) observer.turn(turn);
    },
    key(digit) {
      for (const observer of observers) observer.key?.(digit);
    },
    fallback(step) {
      for (const observer of observers) observer.fallback?.(step);
    },
    usage(usage) {
      for (const observer of observers) observer.usage?.(usage);
    },
    language(language) {
      for (const observer of observers) observer.language?.(language);
    },
    note(text) {
      // Whoever keeps notes decides; without anybody there is nobody to keep it.
      return observers.map((observer) => observer.note?.(text) ?? false).some((kept) => kept);
    },
  };
}
