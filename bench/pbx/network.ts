import type { NetworkFaults } from "../../src/caller/network.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { recordsDirOf } from "../../src/cli/demo/aftermath.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Metric, Scenario } from "../metric.ts";
import { asked } from "../questions.ts";
import { INTERRUPTIONS, words } from "../sounds.ts";
import { wordErrors, wordsOf } from "../words.ts";
import { END_OF_REPLY_MS, inCall, latenessOf, step, untilIdle } from "./call.ts";

/** What the network does in each of these, both ways; its fate changes with the trial. */
export const NETWORKS: Readonly<Record<string, NetworkFaults>> = {
  good: {},
  loss1: { lossPercent: 1 },
  loss3: { lossPercent: 3 },
  loss10: { lossPercent: 10 },
  jitter20: { delayMs: 20, jitterMs: 20 },
  jitter60: { delayMs: 20, jitterMs: 60 },
  jitter120: { delayMs: 20, jitterMs: 120 },
  reorder: { delayMs: 20, reorderPercent: 5 },
  duplicate: { duplicatePercent: 5 },
};

/** The pause of the example agent, in ms: what a reply takes at least. */
const PAUSE_MS = 600;
const RECORD_MS = 5000;

interface Trial {
  readonly replyMs: number | undefined;
  readonly bargeInMs: number | undefined;
  readonly errors: number;
  readonly words: number;
  readonly lateMs: readonly number[];
}

/** Asks, hears the answer begin, and talks over it. */
async function ask(stage: PbxStage, bench: Bench, network: NetworkFaults, index: number): Promise<Trial> {
  const { signal, clock } = bench;
  const [, question = "What are your opening hours?"] = asked[(index * 7) % asked.length] ?? [];
  const options = { signal, network: { ...network, seed: index + 1 } };
  const measured = await inCall(stage.phone, options, async (leg) => {
    await leg.heard.silence({ ms: END_OF_REPLY_MS, signal: step(signal) });
    const said = await leg.say(framesOf(words(question)), { signal });
    const endMs = said.lastSoundMs ?? leg.nowMs();
    const replyAt = await leg.heard.sound({ sinceMs: endMs, signal: step(signal) }).catch(() => undefined);
    const none = { replyMs: undefined, bargeInMs: undefined };
    if (replyAt === undefined) return { ...none, lateMs: latenessOf(leg) };
    await clock.sleep(900, signal);
    const over = await leg.say(framesOf(words(INTERRUPTIONS[index % INTERRUPTIONS.length] ?? "Stop.")), { signal });
    const fromMs = over.firstSoundMs ?? leg.nowMs();
    const spell = leg.heard.spells.findLast(({ startMs }) => startMs < fromMs);
    const bargeInMs = spell && spell.endMs > fromMs ? spell.endMs - fromMs : undefined;
    return { replyMs: replyAt - endMs - PAUSE_MS, bargeInMs, lateMs: latenessOf(leg) };
  });
  const spoken = wordsOf(question);
  const understood = wordsOf(await firstWords(stage, bench));
  return { ...measured, errors: Math.min(spoken.length, wordErrors(spoken, understood)), words: spoken.length };
}

/** What the service understood first in the newest call. */
async function firstWords(stage: PbxStage, { clock, signal }: Bench): Promise<string> {
  const deadline = clock.now() + RECORD_MS;
  while (clock.now() < deadline) {
    const database = openReading(recordsDirOf(stage.service.stateDir));
    const [newest] = database ? await listCalls(database.db, { limit: 1 }).finally(() => database.close()) : [];
    if (newest?.ended) return newest.turns.find(({ caller }) => caller !== "")?.caller ?? "";
    await clock.sleep(50, signal);
  }
  return "";
}

const names = Object.keys(NETWORKS);

/** The same questions through networks of every kind. */
export const poorNetwork: Scenario = {
  name: "poor network",
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    await stage.service.ready(step(bench.signal));
    const samples: Record<string, number[]> = {};
    const values: Record<string, number> = {};
    const lateMs: number[] = [];
    for (const name of bench.smoke ? ["good", "loss10"] : names) {
      const trials: Trial[] = [];
      // One after the other: calls at once would be measured together.
      while (trials.length < bench.trials) trials.push(await ask(stage, bench, NETWORKS[name] ?? {}, trials.length));
      await untilIdle(stage, bench);
      const sum = (of: (trial: Trial) => number): number => trials.reduce((total, trial) => total + of(trial), 0);
      samples[`network_${name}_reply_overhead_ms`] = trials.flatMap(({ replyMs }) => replyMs ?? []);
      samples[`network_${name}_barge_in_ms`] = trials.flatMap(({ bargeInMs }) => bargeInMs ?? []);
      values[`network_${name}_words_right`] = 1 - sum(({ errors }) => errors) / sum((trial) => trial.words);
      bench.progress(`${name}: ${((values[`network_${name}_words_right`] ?? 0) * 100).toFixed(0)} % of the words`);
      lateMs.push(...trials.flatMap((trial) => trial.lateMs));
    }
    return {
      samples,
      values,
      lateMs,
      notes: [
        "through poor networks: the local recogniser; its word accuracy is that of the first question of each call",
      ],
    };
  },
};

/** Three figures of each network. They have no aim of their own: they are there to be compared with those of the good one. */
export const networkMetrics: readonly Metric[] = names.flatMap((name) => {
  const faults = Object.entries(NETWORKS[name] ?? {}).map(([what, much]) => `${what} ${much}`);
  const where = faults.length > 0 ? `through a network with ${faults.join(", ")}` : "through a good network";
  const metric = (kind: string, what: string): Metric => ({
    name: `network_${name}_${kind}`,
    what: `${what} ${where}.`,
    aims: [],
    scenario: poorNetwork,
  });
  return [
    metric("reply_overhead_ms", "What a reply takes beyond the pause"),
    metric("barge_in_ms", "Barge-in"),
    metric("words_right", "Part of the first question's words that are understood (0 to 1)"),
  ];
});
