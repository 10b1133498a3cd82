import type { CallLeg } from "../../src/caller/leg.ts";
import type { NetworkFaults } from "../../src/caller/network.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { CLOUD_NUMBER, LISTENER_NUMBER } from "../agents.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { asked } from "../questions.ts";
import { sayAhead, words } from "../sounds.ts";
import { percentile } from "../statistics.ts";
import { accuracy } from "./accuracy.ts";
import { answeredMs, inCall, inParallel, latenessOf, step } from "./call.ts";
import { askAll, questionOf } from "./reply.ts";
import { Started } from "./started.ts";

/** The networks that calls are made through. The first one is none: what the others are to be compared with. */
export const NETWORKS = {
  good: {},
  loss_1: { lossPercent: 1 },
  loss_3: { lossPercent: 3 },
  loss_10: { lossPercent: 10 },
  jitter_20: { jitterMs: 20 },
  jitter_60: { jitterMs: 60 },
  jitter_120: { jitterMs: 120 },
  delayed: { delayMs: 100 },
  disordered: { reorderPercent: 5, duplicatePercent: 5 },
} as const satisfies Readonly<Record<string, NetworkFaults>>;

export type NetworkName = keyof typeof NETWORKS;

/** What is measured through each of them, as a part of the metric's name. */
export const networkMetric = (name: NetworkName, what: "reply_ms" | "barge_in_ms" | "words"): string =>
  `network_${name}_${what}`;

/** "3 % lost", for whoever reads the list. */
export function networkText(name: NetworkName): string {
  const { lossPercent, jitterMs, delayMs, reorderPercent, duplicatePercent }: NetworkFaults = NETWORKS[name];
  const parts = [
    lossPercent !== undefined && `${lossPercent} % of the packets lost`,
    jitterMs !== undefined && `packets late by up to ${jitterMs} ms`,
    delayMs !== undefined && `all packets late by ${delayMs} ms`,
    reorderPercent !== undefined && `${reorderPercent} % of the packets overtaken`,
    duplicatePercent !== undefined && `${duplicatePercent} % doubled`,
  ];
  return parts.filter((part) => part !== false).join(", ") || "a good network";
}

export const networkNames = Object.keys(NETWORKS) as NetworkName[];

const AT_ONCE = 3;
/** Questions whose answers neither end the call nor ask something back. */
const INTENTS = ["hours", "address", "parking", "prices"];
const LISTEN_MS = 600;
const SENTENCES = 12;
const sentences = asked.filter(([intent]) => INTENTS.includes(intent)).map(([, text]) => text);

interface Timed {
  readonly overheadMs: number[];
  readonly bargeInMs: number[];
  readonly lateMs: number[];
}

/** Replies and interruptions through one network, with the providers of fixed latencies. The seeds differ from call to call. */
async function timesOf(name: NetworkName, bench: Bench, { phone }: PbxStage): Promise<Timed> {
  const question = questionOf();
  const found: Timed = { overheadMs: [], bargeInMs: [], lateMs: [] };
  for (let calls = 0; found.overheadMs.length < bench.trials; calls += AT_ONCE) {
    const atOnce = bench.smoke ? 1 : AT_ONCE;
    await inParallel(atOnce, atOnce, async (index) => {
      const network = { ...NETWORKS[name], seed: calls + index + 1 };
      await inCall(phone, { number: CLOUD_NUMBER, network, signal: bench.signal }, async (leg) => {
        const { overheadMs, bargeInMs } = await askAll(leg, bench, question);
        found.overheadMs.push(...overheadMs);
        found.bargeInMs.push(...bargeInMs);
        found.lateMs.push(...latenessOf(leg));
      });
    });
  }
  return found;
}

/** What the service has understood, call by call. */
class Understood {
  readonly started = new Started();
  readonly #texts = new Map<string, string>();

  async follow({ service }: PbxStage, signal: AbortSignal): Promise<void> {
    for await (const event of service.events(signal)) {
      this.started.hear(event);
      if (event.type === "callerWords" && event.final)
        this.#texts.set(event.call, `${this.of(event.call)} ${event.text}`);
    }
  }

  of(call: string): string {
    return this.#texts.get(call) ?? "";
  }
}

/** Says the sentences one after the other, each over the answer to the one before. */
async function sayAll(leg: CallLeg, { signal, clock }: Bench, said: readonly string[]): Promise<void> {
  let sinceMs = answeredMs(leg);
  for (const text of said) {
    await leg.heard.soundFor({ ms: LISTEN_MS, sinceMs, signal: step(signal) });
    await leg.say(framesOf(words(text)), { signal });
    sinceMs = leg.nowMs();
  }
  await leg.heard.sound({ sinceMs, signal: step(signal) });
  await clock.sleep(LISTEN_MS, signal);
}

/** The part of the words that the local recogniser understands through one network. */
async function wordsThrough(
  name: NetworkName,
  bench: Bench,
  { phone, understood }: Pick<PbxStage, "phone"> & { understood: Understood },
): Promise<number> {
  const said = sentences.slice(0, bench.smoke ? 1 : SENTENCES);
  const { leg, call } = await understood.started.call("listener", phone, {
    number: LISTENER_NUMBER,
    network: { ...NETWORKS[name], seed: 1 },
    signal: bench.signal,
  });
  try {
    await sayAll(leg, bench, said);
    return accuracy(said.join(" "), understood.of(call));
  } finally {
    await leg.hangUp();
  }
}

async function allWords(names: readonly NetworkName[], bench: Bench, stage: PbxStage): Promise<Map<string, number>> {
  if (names.length === 0) return new Map();
  const over = new AbortController();
  const understood = new Understood();
  const following = understood.follow(stage, AbortSignal.any([bench.signal, over.signal]));
  following.catch((error: unknown) => understood.started.ended(error));
  const found = await inParallel(names.length, AT_ONCE, async (index) => {
    const name = names[index] ?? "good";
    return [networkMetric(name, "words"), await wordsThrough(name, bench, { phone: stage.phone, understood })] as const;
  });
  over.abort();
  await following.catch(() => {});
  for (const note of understood.started.notes) bench.progress(note);
  return new Map(found);
}

/** How replies, interruptions and what is understood fare when packets are lost, late, in disorder or doubled. */
export const network: Scenario = {
  name: "poor network",
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    sayAhead(sentences.slice(0, SENTENCES));
    await stage.service.ready(step(bench.signal));
    const wanted = (what: Parameters<typeof networkMetric>[1]): NetworkName[] =>
      networkNames.filter((name) => bench.wants(networkMetric(name, what)));
    const timed = networkNames.filter((name) => [...wanted("reply_ms"), ...wanted("barge_in_ms")].includes(name));
    const samples: Record<string, readonly number[]> = {};
    const [notes, lateMs]: [string[], number[]] = [[], []];
    const understood = allWords(wanted("words"), bench, stage);
    understood.catch(() => {});
    // One after the other, where it is to be a figure.
    if (!bench.smoke) await understood;
    for (const name of timed) {
      const found = await timesOf(name, bench, stage);
      samples[networkMetric(name, "reply_ms")] = found.overheadMs;
      samples[networkMetric(name, "barge_in_ms")] = found.bargeInMs;
      lateMs.push(...found.lateMs);
      const text = `${name}: reply p50 ${percentile(found.overheadMs, 0.5).toFixed(0)}, barge-in p50 ${percentile(found.bargeInMs, 0.5).toFixed(0)} ms`;
      bench.progress(text);
      notes.push(text);
    }
    return { samples, values: Object.fromEntries(await understood), notes, lateMs };
  },
};
