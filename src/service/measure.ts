import type { Metrics } from "../base/metrics.ts";
import type { ConversationObserver } from "../conversation/observer.ts";
import type { TurnLatency } from "../conversation/turn.ts";

const STAGES: readonly (readonly [keyof TurnLatency, string])[] = [
  ["endpointMs", "endpoint"],
  ["sttMs", "stt"],
  ["llmMs", "llm"],
  ["ttsMs", "tts"],
  ["playoutMs", "playout"],
];

/** Counts what a conversation tells of itself. */
export function measureConversation(metrics: Metrics): ConversationObserver {
  return {
    callerWords() {},
    agentWords() {},
    bargeIn(ms) {
      metrics.bargeInSeconds.observe(ms / 1000);
    },
    turn({ latency }) {
      if (latency.totalMs !== undefined) metrics.replyLatencySeconds.observe(latency.totalMs / 1000);
      for (const [key, stage] of STAGES) {
        const ms = latency[key];
        if (ms !== undefined) metrics.stageSeconds.observe({ stage }, ms / 1000);
      }
    },
  };
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
    note(text) {
      // Whoever keeps notes decides; without anybody there is nobody to keep it.
      return observers.map((observer) => observer.note?.(text) ?? false).some((kept) => kept);
    },
  };
}
