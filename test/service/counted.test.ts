import { expect, test } from "vitest";
import { createMetrics } from "../../src/base/metrics.ts";
import { type LanguageModel, ProviderError, type ReplyPart } from "../../src/conversation/providers.ts";
import { countModel, countTurn } from "../../src/service/counted.ts";

function countedModel(reply: LanguageModel["reply"]) {
  const metrics = createMetrics();
  const llm: LanguageModel = { name: "openai", reply, close: async () => {} };
  const count = (provider: string, result: string) => metrics.providerRequests.inc({ provider, result });
  const counts = async (): Promise<Record<string, number>> => {
    const { values } = await metrics.providerRequests.get();
    return Object.fromEntries(values.map(({ labels, value }) => [`${labels.provider} ${labels.result}`, value]));
  };
  return { llm: countModel(llm, "model", count), counts };
}

const TEXT: ReplyPart = { type: "text", text: "Hello." };
const options = (signal: AbortSignal) => ({ tools: [], signal });

test("an administrator sees how many requests a provider answered", async () => {
  const { llm, counts } = countedModel(async function* () {
    yield TEXT;
  });
  const parts = await Array.fromAsync(llm.reply([], options(new AbortController().signal)));
  expect(parts).toEqual([TEXT]);
  expect(await counts()).toEqual({ "model ok": 1 });
});

test("a provider's failure is counted by its code, and passed on", async () => {
  // biome-ignore lint/correctness/useYield: it fails before its first part.
  const { llm, counts } = countedModel(async function* () {
    throw new ProviderError("model", "overloaded", "too many requests");
  });
  await expect(Array.fromAsync(llm.reply([], options(new AbortController().signal)))).rejects.toThrow("too many");
  expect(await counts()).toEqual({ "model overloaded": 1 });
});

test("a turn model's answers are counted, its delays too; a caller who goes on is none of its failures", async () => {
  const metrics = createMetrics();
  const count = (provider: string, result: string) => metrics.providerRequests.inc({ provider, result });
  const ends: (() => Promise<number>)[] = [
    async () => 0.9,
    () => Promise.reject(new ProviderError("turn", "missing", "no file")),
    () => Promise.reject(new Error("gone on")),
  ];
  const judge = (): Promise<number> => (ends.shift() ?? (async () => 0))();
  const model = countTurn({ name: "turn", judge, close: async () => {} }, count);
  const sound = { pcm: new Int16Array(0), rate: 8000 };
  expect(await model.judge(sound, new AbortController().signal)).toBe(0.9);
  await expect(model.judge(sound, new AbortController().signal)).rejects.toThrow("no file");
  await expect(model.judge(sound, AbortSignal.abort(new Error("gone on")))).rejects.toThrow("gone on");
  const late = new ProviderError("turn", "timeout", "too late");
  ends.push(() => Promise.reject(late));
  await expect(model.judge(sound, AbortSignal.abort(late))).rejects.toThrow("too late");
  const { values } = await metrics.providerRequests.get();
  const counted = values.map(({ labels }) => `${labels.provider} ${labels.result}`);
  expect(counted).toEqual(["turn ok", "turn missing", "turn cancelled", "turn timeout"]);
});

test("a reply that the caller talks over is no failure of the provider", async () => {
  const abort = new AbortController();
  const { llm, counts } = countedModel(async function* () {
    yield TEXT;
    yield TEXT;
  });
  for await (const _ of llm.reply([], options(abort.signal))) {
    abort.abort();
    break;
  }
  expect(await counts()).toEqual({ "model cancelled": 1 });
});

test("a provider that was given up because it was too slow is counted so, under the name it was given", async () => {
  const abort = new AbortController();
  const { llm, counts } = countedModel(async function* (_messages, { signal }) {
    yield TEXT;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  });
  const parts = llm.reply([], options(abort.signal))[Symbol.asyncIterator]();
  await parts.next();
  const late = parts.next();
  abort.abort(new ProviderError("model", "timeout", "too slow"));
  await late;
  expect(await counts()).toEqual({ "model timeout": 1 });
});

test("a model that hangs is counted when it is given up, even if it never notices", async () => {
  const abort = new AbortController();
  const { llm, counts } = countedModel(async function* () {
    yield TEXT;
    await new Promise<void>(() => {});
  });
  const reply = llm.reply([], options(abort.signal))[Symbol.asyncIterator]();
  await reply.next();
  void reply.next();
  await Promise.resolve();
  abort.abort(new ProviderError("model", "timeout", "too slow"));
  expect(await counts()).toEqual({ "model timeout": 1 });
});
