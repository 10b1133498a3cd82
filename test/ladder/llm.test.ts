import { beforeEach, describe, expect, test } from "vitest";
import type { Rung } from "../../src/conversation/ladder.ts";
import { LadderModel } from "../../src/conversation/ladder-model.ts";
import type { LanguageModel, Message, ReplyPart } from "../../src/conversation/providers.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { FAULTS, type Fault, FaultyModel } from "./faults.ts";
import { rungOf, Steps } from "./support.ts";

const limits = { firstMs: 1_000, stallMs: 600, hedgeMs: 0 };
const ANSWER =
  "We are open from eight to six, Monday to Friday. On Saturday we close at one, and on Sunday all day long.";
const QUESTION: Message[] = [{ role: "user", content: "when are you open" }];

let clock: VirtualClock;
let first: FaultyModel;
let second: FaultyModel;
let steps: Steps;
let rungs: Rung<LanguageModel>[];

/** What a model says that was told the beginning of an answer. */
const goOn = (messages: readonly Message[]): string => {
  const said = messages.at(-1)?.content.startsWith("(") ? (messages.at(-2)?.content ?? "") : "";
  expect(ANSWER.startsWith(said)).toBe(true);
  return ANSWER.slice(said.length).trim();
};

beforeEach(() => {
  clock = new VirtualClock();
  [first, second] = [new FaultyModel(clock, "cloud"), new FaultyModel(clock, "local")];
  first.answer = () => ANSWER;
  second.answer = goOn;
  steps = new Steps();
  rungs = [rungOf(clock, first), rungOf(clock, second)];
});

const ladder = (hedgeMs = 0): LadderModel =>
  new LadderModel({ rungs, clock, limits: { ...limits, hedgeMs }, onStep: steps.onStep });

interface Reply {
  readonly text: string;
  readonly parts: readonly ReplyPart[];
  readonly error: unknown;
  readonly doneAtMs: number;
}

/** A reply read to its end, in virtual time. */
async function ask(model: LanguageModel, signal = new AbortController().signal, maxMs = 30_000): Promise<Reply> {
  const parts: ReplyPart[] = [];
  let ended: { error: unknown; doneAtMs: number } | undefined;
  const read = async (): Promise<void> => {
    for await (const part of model.reply(QUESTION, { tools: [], signal })) parts.push(part);
  };
  read().then(
    () => (ended = { error: undefined, doneAtMs: clock.now() }),
    (error: unknown) => (ended = { error, doneAtMs: clock.now() }),
  );
  for (let ms = 0; ms < maxMs && !ended; ms += 20) await clock.advance(20);
  if (!ended) throw new Error("the reply never ended");
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return { text: text.trim(), parts, ...ended };
}

const CODES: Record<Fault, string> = {
  refused: "unreachable",
  "401": "refused",
  "429": "overloaded",
  "500": "unreachable",
  silent: "timeout",
  stalls: "timeout",
  dies: "unreachable",
  garbage: "protocol",
  empty: "protocol",
};

describe.each(FAULTS)("a model: %s", (fault) => {
  test("the caller is answered by the next one, whole, and no word twice", async () => {
    first.fault = fault;
    const { text, error } = await ask(ladder());
    expect(error).toBeUndefined();
    expect(text).toBe(ANSWER);
    expect(steps.told).toEqual([`llm cloud ${CODES[fault]} > local`]);
    expect(clock.pending).toBe(0);
  });

  test("the next one answers within the deadlines", async () => {
    first.fault = fault;
    const { doneAtMs } = await ask(ladder());
    const wordsMs = ANSWER.split(" ").length * 20;
    expect(doneAtMs).toBeLessThanOrEqual(limits.firstMs + limits.stallMs + 200 + wordsMs + 60);
  });

  test("after it is well again, one request tries it, and it has the calls back", async () => {
    first.fault = fault;
    const model = ladder();
    await ask(model);
    await ask(model);
    first.fault = undefined;
    await ask(model);
    await clock.advance(5_000);
    // The trial: whoever is first answers, and both are asked.
    await ask(model);
    const before = second.asked.length;
    expect((await ask(model)).text).toBe(ANSWER);
    expect(second.asked.length).toBe(before);
    expect(steps.told.at(-1)).toBe("llm cloud back");
    expect(clock.pending).toBe(0);
  });

  test("a caller who speaks at that moment ends both", async () => {
    first.fault = fault;
    for (const atMs of [0, 1, 199, 200, 201, 360, 361, 959, 960, 999, 1_000, 1_001, 1_200]) {
      const abort = new AbortController();
      clock.after(atMs, () => abort.abort());
      const { error } = await ask(ladder(), abort.signal);
      expect(error).toBeUndefined();
      await clock.advance(2_000);
      expect(clock.pending).toBe(0);
    }
  });

  test("of both: it is said so, once, and nobody hangs", async () => {
    first.fault = fault;
    second.fault = fault;
    // The last one has no deadline but the conversation's own.
    const hangs = fault === "silent" || fault === "stalls";
    const abort = new AbortController();
    if (hangs) clock.after(9_000, () => abort.abort());
    const { error } = await ask(ladder(), abort.signal);
    if (hangs) expect(error).toBeUndefined();
    else expect(error).toBeInstanceOf(Error);
    expect(steps.told.filter((step) => step.endsWith("> nobody"))).toHaveLength(hangs ? 0 : 1);
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
  });
});

describe("a model that dies in the middle", () => {
  test("is followed by one that is told what was said, and asked to go on", async () => {
    first.fault = "dies";
    await ask(ladder());
    expect(second.asked[0]?.slice(0, 2)).toEqual([
      ...QUESTION,
      { role: "assistant", content: "We are open from eight to six," },
    ]);
    expect(second.asked[0]?.at(-1)?.role).toBe("user");
  });

  test.each([
    ["begins again", () => ANSWER],
    ["begins with its last words again", () => `from eight to six, ${ANSWER.slice(31)}`],
    ["goes on", goOn],
  ])("is followed by one that %s, and the caller hears every word once", async (_, answer) => {
    first.fault = "dies";
    second.answer = answer;
    expect((await ask(ladder())).text).toBe(ANSWER);
  });

  test("after it has asked for a tool: the tool is asked for once", async () => {
    first.answer = () => [
      { type: "text", text: "I will book that. " },
      { type: "tool", id: "1", name: "book", input: {} },
      { type: "text", text: "Never heard." },
    ];
    first.fault = "dies";
    first.faultAfter = 2;
    const { parts, error } = await ask(ladder());
    expect(error).toBeUndefined();
    expect(parts.filter(({ type }) => type === "tool")).toHaveLength(1);
    expect(second.asked).toHaveLength(0);
    expect(steps.told).toEqual(["llm cloud unreachable > local"]);
  });

  test("before it was heard of: the next one is asked the question alone", async () => {
    first.fault = "dies";
    first.faultAfter = 1;
    expect((await ask(ladder())).text).toBe(ANSWER);
    expect(second.asked[0]).toEqual(QUESTION);
  });
});

describe("a slow model", () => {
  test("is overtaken by the second, where that is asked for, and counts as no failure", async () => {
    first.firstMs = 900;
    const { text } = await ask(ladder(400));
    expect(text).toBe(ANSWER);
    expect(steps.told).toEqual(["llm cloud slow > local"]);
    expect(rungs[0]?.breaker.state).toBe("closed");
  });

  test("that is still the first one answers, and the second is let go", async () => {
    first.firstMs = 450;
    await ask(ladder(400));
    expect(steps.told).toEqual([]);
    expect(second.asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test("that is the only one is waited for", async () => {
    rungs = rungs.slice(0, 1);
    first.firstMs = 4_000;
    expect((await ask(ladder())).text).toBe(ANSWER);
  });
});

test("a model that is known to fail costs the next caller nothing", async () => {
  first.fault = "silent";
  await ask(ladder());
  await ask(ladder());
  steps.all.length = 0;
  const before = clock.now();
  const { doneAtMs, text } = await ask(ladder());
  expect(text).toBe(ANSWER);
  expect(doneAtMs - before).toBeLessThan(200 + ANSWER.split(" ").length * 20 + 60);
  expect(steps.told).toEqual(["llm cloud open > local"]);
});

test("when all are known to fail, each is asked once more before nobody is left", async () => {
  first.fault = "401";
  second.fault = "401";
  await ask(ladder());
  second.fault = undefined;
  expect((await ask(ladder())).text).toBe(ANSWER);
});

test("a trial that is slow costs its caller nothing, and the provider is back when it has answered", async () => {
  first.fault = "401";
  await ask(ladder());
  first.fault = undefined;
  first.firstMs = 700;
  await clock.advance(5_000);
  const before = clock.now();
  const reply = await ask(ladder());
  expect(reply.text).toBe(ANSWER);
  expect(reply.doneAtMs - before).toBeLessThan(200 + ANSWER.split(" ").length * 20 + 60);
  await clock.advance(1_000);
  expect(rungs[0]?.breaker.state).toBe("closed");
  expect(clock.pending).toBe(0);
});
