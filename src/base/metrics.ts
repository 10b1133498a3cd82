import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "./clock.ts";

/** What `/metrics` shows. Base units; no ids, numbers or names of callers as labels. */
export interface Metrics {
  readonly registry: Registry;
  readonly callsActive: Gauge;
  readonly calls: Counter<"direction" | "outcome">;
  /** From the caller's last voiced frame to the agent's first frame on its way. */
  readonly replyLatencySeconds: Histogram;
  /** From the caller's first voiced frame to the agent's silence. */
  readonly bargeInSeconds: Histogram;
  readonly stageSeconds: Histogram<"stage">;
  readonly providerRequests: Counter<"provider" | "result">;
  readonly providerTokens: Counter<"provider" | "kind">;
  readonly providerCharacters: Counter<"provider">;
  readonly providerCost: Counter<"provider">;
  readonly fallbacks: Counter<"reason">;
  readonly framesDropped: Counter;
  /** Times that a call record could not be written at once. */
  readonly recordFailures: Counter;
  /** Times that a call's journal could not be written or read. */
  readonly journalFailures: Counter;
  /** Calls whose worker had died, by what became of them here. */
  readonly takenOver: Counter<"result">;
  readonly recordings: Counter<"result">;
  /** Tries to tell a webhook of a call: taken, gone, refused, failed; dropped: it is not tried any more. */
  readonly webhooks: Counter<"webhook" | "result">;
  readonly webhooksWaiting: Gauge<"webhook">;
  /** What calls came to, for agents that fill an outcome. */
  readonly outcomes: Counter<"state">;
  /** Times that the log could not be written, or not at once. */
  readonly logFailures: Counter;
  /** Calls that were given to a human, by what became of it. */
  readonly transfers: Counter<"result">;
  /** 1 while the agent answers as usual, 0 outside of its hours. */
  readonly open: Gauge<"agent">;
  /** 1 while somebody has opened or closed it by hand. */
  readonly overridden: Gauge<"agent">;
  /** What the PBX sent and is none of its messages. */
  readonly messagesRefused: Counter<"source">;
  /** 1 while the engine is connected, else 0. */
  readonly engineUp: Gauge<"engine">;
  readonly eventLoopLagSeconds: Histogram;
}

// What a caller notices lies between 100 ms and 2 s; the edges of barge-in are finer.
const LATENCY = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10];
const QUICK = [0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18, 0.25, 0.5, 1];
const LAG = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.7, 1];

/**
 * A registry of its own for each caller, so that two workers in one test do not count into each other's. `worker`: the label by
 * which several of one service are told apart.
 */
export function createMetrics(worker?: number): Metrics {
  const registry = new Registry();
  if (worker !== undefined) registry.setDefaultLabels({ worker: String(worker) });
  const registers = [registry];
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: L[] = []) =>
    new Histogram<L>({ name, help, buckets, labelNames, registers });
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = [], aggregator?: "max") =>
    new Gauge<L>({ name, help, labelNames, registers, ...(aggregator && { aggregator }) });
  return {
    registry,
    callsActive: gauge("sidetone_calls_active", "Calls that the dialplan has lent at this moment."),
    calls: counter("sidetone_calls_total", "Calls that came to an end, by what became of them.", [
      "direction",
      "outcome",
    ]),
    replyLatencySeconds: histogram(
      "sidetone_reply_latency_seconds",
      "From the caller's last voiced frame to the agent's first frame on its way to the caller.",
      LATENCY,
    ),
    bargeInSeconds: histogram(
      "sidetone_barge_in_seconds",
      "From the caller's first voiced frame to the agent's silence.",
      QUICK,
    ),
    stageSeconds: histogram("sidetone_stage_seconds", "Where a turn's time went.", LATENCY, ["stage"]),
    providerRequests: counter("sidetone_provider_requests_total", "Requests to speech and language providers.", [
      "provider",
      "result",
    ]),
    providerTokens: counter("sidetone_provider_tokens_total", "Tokens that models took: input, cached, output.", [
      "provider",
      "kind",
    ]),
    providerCharacters: counter("sidetone_provider_characters_total", "Characters that voices spoke.", ["provider"]),
    providerCost: counter(
      "sidetone_provider_cost_total",
      "What requests cost by the configured prices, in their currency; nothing where none are configured.",
      ["provider"],
    ),
    fallbacks: counter("sidetone_fallbacks_total", "Times that something worse had to stand in.", ["reason"]),
    framesDropped: counter(
      "sidetone_frames_dropped_total",
      "Frames and packets of sound that came too fast, or were no sound, and were forgotten.",
    ),
    recordFailures: counter(
      "sidetone_record_failures_total",
      "Times that a call record could not be written; the calls went on.",
    ),
    journalFailures: counter(
      "sidetone_journal_failures_total",
      "Times that a call's journal could not be written or read; the calls went on.",
    ),
    takenOver: counter(
      "sidetone_taken_over_total",
      "Calls whose worker had died: resumed, anew (nothing was known of them), or refused.",
      ["result"],
    ),
    recordings: counter("sidetone_recordings_total", "Recordings, by whether they were kept, failed or are missing.", [
      "result",
    ]),
    webhooks: counter(
      "sidetone_webhooks_total",
      "Tries to tell a webhook of a call: taken, gone, refused, failed; dropped: given up.",
      ["webhook", "result"],
    ),
    webhooksWaiting: gauge("sidetone_webhooks_waiting", "Calls that a webhook has not taken yet.", ["webhook"]),
    outcomes: counter("sidetone_outcomes_total", "Outcomes of calls: complete, partial or failed.", ["state"]),
    logFailures: counter("sidetone_log_failures_total", "Times that the log was not taken; the calls went on."),
    transfers: counter(
      "sidetone_transfers_total",
      "Calls that were given to a human: taken, busy, noanswer, refused or unreachable.",
      ["result"],
    ),
    open: gauge("sidetone_open", "1 while the agent answers as usual, 0 outside of its hours.", ["agent"]),
    overridden: gauge("sidetone_overridden", "1 while the agent is opened or closed by hand.", ["agent"]),
    messagesRefused: counter(
      "sidetone_messages_refused_total",
      "Messages of the PBX that were none, and were ignored, by where they came from.",
      ["source"],
    ),
    engineUp: gauge("sidetone_engine_up", "1 while the PBX is connected.", ["engine"], "max"),
    eventLoopLagSeconds: histogram("sidetone_event_loop_lag_seconds", "How late timers run.", LAG),
  };
}

/** Looks ten times a second how late a timer runs, until the signal aborts. */
export function measureLag({ metrics, clock, signal }: { metrics: Metrics; clock: Clock; signal: AbortSignal }): void {
  if (signal.aborted) return;
  const EVERY_MS = 100;
  let dueMs = clock.now() + EVERY_MS;
  const timer = clock.every(EVERY_MS, () => {
    const nowMs = clock.now();
    metrics.eventLoopLagSeconds.observe(Math.max(0, nowMs - dueMs) / 1000);
    dueMs = nowMs + EVERY_MS;
  });
  signal.addEventListener("abort", () => timer.cancel(), { once: true });
}
