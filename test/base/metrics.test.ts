import { expect, test } from "vitest";
import { createMetrics, measureLag } from "../../src/base/metrics.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

test("an administrator finds the documented names, and no two workers count into one registry", async () => {
  const metrics = createMetrics();
  metrics.calls.inc({ direction: "inbound", outcome: "transfer" });
  metrics.engineUp.set({ engine: "asterisk" }, 1);
  const names = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name).sort();
  expect(names).toEqual([
    "sidetone_barge_in_seconds",
    "sidetone_calls_active",
    "sidetone_calls_total",
    "sidetone_engine_up",
    "sidetone_event_loop_lag_seconds",
    "sidetone_fallbacks_total",
    "sidetone_frames_dropped_total",
    "sidetone_journal_failures_total",
    "sidetone_log_failures_total",
    "sidetone_messages_refused_total",
    "sidetone_open",
    "sidetone_outcomes_total",
    "sidetone_overridden",
    "sidetone_provider_characters_total",
    "sidetone_provider_cost_total",
    "sidetone_provider_requests_total",
    "sidetone_provider_tokens_total",
    "sidetone_record_failures_total",
    "sidetone_recordings_total",
    "sidetone_reply_latency_seconds",
    "sidetone_stage_seconds",
    "sidetone_taken_over_total",
    "sidetone_transfers_total",
    "sidetone_webhooks_total",
    "sidetone_webhooks_waiting",
  ]);
  expect(await metrics.registry.metrics()).toContain('sidetone_calls_total{direction="inbound",outcome="transfer"} 1');
  expect(await createMetrics().registry.metrics()).not.toContain('outcome="transfer"');
});

test("a blocked event loop is seen", async () => {
  const clock = new VirtualClock();
  const metrics = createMetrics();
  const over = new AbortController();
  measureLag({ metrics, clock, signal: over.signal });
  await clock.advance(250);
  clock.stall(350);
  await clock.advance(0);
  over.abort();
  const { values } = await metrics.eventLoopLagSeconds.get();
  expect(values.find(({ metricName }) => metricName?.endsWith("_sum"))?.value).toBeCloseTo(0.3);
  expect(clock.pending).toBe(0);
});
