import type { Metric } from "./metric.ts";
import { hangs, kills } from "./pbx/failover.ts";
import { greeting } from "./pbx/greeting.ts";
import { concurrent, setup } from "./pbx/load.ts";
import { death } from "./providers/death.ts";

/** Every figure there is, in the order of the table: one entry each. Those of one scenario are measured in the same run. */
export const metrics: readonly Metric[] = [
  {
    name: "greeting_ms",
    what: "Answer to the greeting's first sound.",
    aims: [{ of: "p95", atMost: 100 }],
    scenario: greeting,
  },
  {
    name: "failover_kill_ms",
    what: "Worker killed (SIGKILL) in mid-sentence to the menu's first sound.",
    aims: [{ of: "p95", atMost: 100 }],
    scenario: kills,
  },
  {
    name: "calls_lost",
    what: "Calls lost in 50 kills.",
    aims: [{ of: "value", atMost: 0 }],
    scenario: kills,
  },
  {
    name: "failover_hang_ms",
    what: "Worker stopped (SIGSTOP) in mid-sentence to the menu's first sound.",
    aims: [{ of: "p95", atMost: 1000 }],
    scenario: hangs,
  },
  {
    name: "stalls_triggered",
    what: "Calls that lost their agent to three stalls of 350 ms.",
    aims: [{ of: "value", atMost: 0 }],
    scenario: hangs,
  },
  {
    name: "concurrent_calls",
    what: "Conversations at the same time, PBX and callers on the same machine, outgoing frames' lateness below 20 ms at p99.",
    aims: [{ of: "value", atLeast: 60 }],
    scenario: concurrent,
  },
  {
    name: "setup_per_s",
    what: "New calls a second, all greeted within a second of dialling.",
    aims: [{ of: "value", atLeast: 20 }],
    scenario: setup,
  },
  {
    name: "provider_death_silence_ms",
    what: "The longest silence in an answer whose model or voice dies in mid-sentence.",
    aims: [{ of: "p95", atMost: 700 }],
    scenario: death,
  },
];
