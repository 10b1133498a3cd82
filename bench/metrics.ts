import type { Metric } from "./metric.ts";
import { bargeIn } from "./pbx/barge-in.ts";
import { calm } from "./pbx/calm.ts";
import { hangs, kills } from "./pbx/failover.ts";
import { firstSound } from "./pbx/first-sound.ts";
import { greeting } from "./pbx/greeting.ts";
import { leak } from "./pbx/leak.ts";
import { concurrent, lent, setup } from "./pbx/load.ts";
import { network, networkMetric, networkNames, networkText } from "./pbx/network.ts";
import { reply } from "./pbx/reply.ts";
import { soak } from "./pbx/soak.ts";
import { death } from "./providers/death.ts";
import { loop } from "./worker/loop.ts";
import { capacity, worker } from "./worker/worker.ts";

/** What a poor network costs has no aim: it is to be compared with the row of the good one. */
const throughNetworks: readonly Metric[] = networkNames.flatMap((name) => [
  {
    name: networkMetric(name, "reply_ms"),
    what: `reply_overhead_ms through ${networkText(name)}.`,
    aims: [],
    scenario: network,
  },
  {
    name: networkMetric(name, "barge_in_ms"),
    what: `barge_in_ms through ${networkText(name)}.`,
    aims: [],
    scenario: network,
  },
  {
    name: networkMetric(name, "words"),
    what: `The part of the caller's words that the local recogniser understands through ${networkText(name)}.`,
    aims: [],
    scenario: network,
  },
]);

/** Every figure there is, in the order of the table: one entry each. Those of one scenario are measured in the same run. */
export const metrics: readonly Metric[] = [
  {
    name: "greeting_ms",
    what: "Answer to the greeting's first sound.",
    aims: [{ of: "p95", atMost: 100 }],
    scenario: greeting,
  },
  {
    name: "reply_overhead_ms",
    what: "What our code adds to a reply: last caller packet to first agent packet, minus the pause and the providers' 430 ms.",
    aims: [
      { of: "p50", atMost: 25 },
      { of: "p95", atMost: 40 },
    ],
    scenario: reply,
  },
  {
    name: "eager_reply_ms",
    what: "Last caller packet to first agent packet, in all, where the recogniser says that a turn is nearly over (quick providers: 60, 80 and 50 ms).",
    aims: [{ of: "p95", atMost: 200 }],
    scenario: firstSound,
  },
  {
    name: "after_pause_ms",
    what: "The same by silence alone, minus the pause, with the same providers one after the other (190 ms).",
    aims: [{ of: "p95", atMost: 225 }],
    scenario: firstSound,
  },
  {
    name: "barge_in_ms",
    what: "The caller's first audible packet to the agent's last one.",
    aims: [
      { of: "p50", atMost: 80 },
      { of: "p95", atMost: 120 },
    ],
    // mod_audio_stream hands the caller's sound over some 18 ms after it came.
    aimsOn: {
      freeswitch: [
        { of: "p50", atMost: 110 },
        { of: "p95", atMost: 160 },
      ],
    },
    scenario: bargeIn,
  },
  {
    name: "false_barge_in_rate",
    what: "Replies lost to coughs, back-channels and 10 s of noise 15 dB below the caller.",
    aims: [{ of: "value", atMost: 0.02 }],
    scenario: calm,
  },
  {
    name: "missed_barge_in_rate",
    what: "Interruptions that did not end the reply, on the same lines.",
    aims: [{ of: "value", atMost: 0.02 }],
    scenario: calm,
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
    aimsOn: { freeswitch: [{ of: "value", atLeast: 100 }] },
    scenario: concurrent,
  },
  {
    name: "lent_gap_ms",
    what: "100 conversations at the same time, providers elsewhere: the time between one packet to a caller and the next.",
    aims: [{ of: "p99", below: 30 }],
    scenario: lent,
  },
  {
    name: "lent_worker_cores",
    what: "The same calls: cores in use by the worker, all threads.",
    aims: [{ of: "value", below: 0.5 }],
    scenario: lent,
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
  {
    name: "leak_kb_per_call",
    what: "The worker's memory after 1,000 calls against after 100, for each call.",
    aims: [{ of: "value", below: 1 }],
    scenario: leak,
  },
  {
    name: "soak_left_over",
    what: "Kinds of things (channels, timers, handles, files, records) of which more are there after 500 calls that end at random moments.",
    aims: [{ of: "value", atMost: 0 }],
    scenario: soak,
  },
  {
    name: "soak_kb_per_call",
    what: "The worker's memory after them against before, for each call.",
    aims: [{ of: "value", below: 1 }],
    scenario: soak,
  },
  ...throughNetworks,
  {
    name: "worker_overhead_ms",
    what: "The worker alone, 100 calls: from the caller's last speech frame to the agent's first, minus the pause and the providers' 430 ms.",
    aims: [
      { of: "p50", atMost: 2 },
      { of: "p95", atMost: 5 },
      { of: "p99", atMost: 20 },
    ],
    scenario: worker,
  },
  {
    name: "worker_barge_in_ms",
    what: "The worker alone, 100 calls: the caller's first speech frame to the agent's last one played.",
    aims: [
      { of: "p50", atMost: 60 },
      { of: "p95", atMost: 100 },
    ],
    scenario: worker,
  },
  {
    name: "worker_cpu_cores",
    what: "The worker alone, 100 calls: cores in use, all threads.",
    aims: [{ of: "value", atMost: 0.25 }],
    scenario: worker,
  },
  {
    name: "worker_rss_kb_per_call",
    what: "The worker alone: memory in RAM that each of 100 calls adds.",
    aims: [{ of: "value", atMost: 500 }],
    scenario: worker,
  },
  {
    name: "worker_loop_lag_ms",
    what: "The worker alone, 100 calls: how late its timers are.",
    aims: [{ of: "p99", below: 5 }],
    scenario: worker,
  },
  {
    name: "worker_calls_per_core",
    what: "Calls that one core carries, frames' lateness below 20 ms at p95.",
    aims: [{ of: "value", atLeast: 400 }],
    scenario: capacity,
  },
  {
    name: "loop_blocks",
    what: "The worker alone, 50 calls: how often in 30 s its event loop is held for longer than 5 ms, and by what.",
    aims: [{ of: "value", atMost: 3 }],
    scenario: loop,
  },
];
