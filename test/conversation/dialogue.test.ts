import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Breaker } from "../../src/base/breaker.ts";
import { FakeSpeech } from "../fakes/dialogue.ts";
import { Steps } from "../ladder/support.ts";
import { PhoneCall } from "./phone-call.ts";

const LONG =
  "We are open from nine in the morning until six in the evening, Monday to Friday, and on Saturday until noon.";

let call: PhoneCall;
let model: FakeSpeech;
let steps: Steps;
let breaker: Breaker;

beforeEach(() => {
  call = new PhoneCall();
  model = new FakeSpeech(call.clock, call.voice);
  steps = new Steps();
  breaker = new Breaker(call.clock, { failures: 2, retryMs: 5_000, retryMaxMs: 60_000 });
  call.speech = { rungs: [{ name: "realtime", provider: model, breaker }], onStep: steps.onStep, voices: {} };
});

afterEach(async () => {
  expect(await call.end()).toBe(0);
});

/** The caller says something that the model, and only it, understands. */
async function ask(text: string): Promise<number> {
  model.hears.push(text);
  await call.noise(240 * text.split(" ").length);
  return call.clock.now();
}

describe("a model that hears and speaks itself", () => {
  test("greets, and answers within its own time and the pause", async () => {
    await call.start();
    await call.quiet();
    expect(call.heard()).toBe("Hello, this is the clinic.");
    const over = await ask("when are you open");
    await call.wait(1_000);
    expect(call.latency(over)).toBeLessThanOrEqual(600 + model.firstMs + 60);
    await call.quiet();
    expect(call.heard(over)).toBe("You said when are you open.");
    expect(call.turns.at(-1)).toMatchObject({
      index: 1,
      caller: { text: "when are you open" },
      agent: { text: "You said when are you open.", heardText: "You said when are you open." },
      interrupted: false,
    });
    expect(call.ear.opened).toBe(0);
    expect(call.model.asked).toHaveLength(0);
  });

  test("is not sent silence", async () => {
    await call.start();
    await call.quiet();
    await call.wait(2_000);
    expect(model.frames).toBe(0);
    await ask("hello");
    await call.wait(300);
    // What was said, what was before voice activity was sure, and what it waits for at the end.
    expect(model.frames * 20).toBeLessThanOrEqual(600 + 240 + 240);
    expect(model.frames * 20).toBeGreaterThanOrEqual(240);
  });

  test("answers before its words are known, and they are on record all the same", async () => {
    model.wordsMs = 1_500;
    await call.start();
    await call.quiet();
    const over = await ask("when are you open");
    await call.wait(1_000);
    expect(call.latency(over)).toBeLessThanOrEqual(600 + model.firstMs + 60);
    await call.quiet();
    await call.wait(1_500);
    expect(call.callerWords).toEqual(["when are you open"]);
    expect(call.turns.at(-1)).toMatchObject({ caller: { text: "when are you open" }, interrupted: false });
    await ask("thank you");
    await call.wait(1_000);
    await call.quiet();
    await call.wait(2_000);
    expect(call.turns.map(({ caller }) => caller.text)).toEqual(["", "when are you open", "thank you"]);
  });

  test("is silent within a frame of the caller's voice, and told how much was heard", async () => {
    model.answer = () => ({ text: LONG });
    await call.start();
    await call.quiet();
    await ask("when are you open");
    await call.wait(2_500);
    const from = call.clock.now();
    model.hears.push("and on Sunday");
    await call.noise(2_000);
    expect(call.lastHeardAt - from).toBeLessThanOrEqual(60);
    await call.wait(100);
    const turn = call.turns.at(-1);
    expect(turn).toMatchObject({ interrupted: true, agent: { heardMs: model.cancelled.at(-1) } });
    expect(LONG.startsWith(turn?.agent?.heardText ?? "?")).toBe(true);
    expect(turn?.agent?.heardText.length).toBeGreaterThan(10);
    // What reached the caller's ear: word by word the same as on record, but for one.
    const heard = call.heard(0).split(" ").length - "Hello, this is the clinic.".split(" ").length;
    expect(Math.abs((turn?.agent?.heardText.split(" ").length ?? 0) - heard)).toBeLessThanOrEqual(1);
  });

  test("goes on after a cough", async () => {
    model.answer = () => ({ text: LONG });
    await call.start();
    await call.quiet();
    const from = await ask("when are you open");
    await call.wait(2_000);
    await call.noise(200);
    await call.wait(1_000);
    await call.quiet();
    expect(call.heard(from)).toBe(LONG);
    expect(model.cancelled).toEqual([]);
  });

  test("silences the agent where the model hears the caller first", async () => {
    model.answer = () => ({ text: LONG });
    await call.start();
    await call.quiet();
    await ask("when are you open");
    await call.wait(2_000);
    expect(call.media.held).toBe(false);
    model.opening?.events.speech();
    expect(call.media.held).toBe(true);
    await call.wait(1_500);
    // Nobody spoke: the agent goes on.
    expect(call.media.held).toBe(false);
  });

  test("has keys told, and runs tools when their words were heard", async () => {
    await call.start({ targets: ["sales"] });
    await call.quiet();
    model.answer = () => ({ tool: { name: "transfer", input: { target: "nobody" } } });
    call.leg.press("4");
    call.leg.press("2");
    await call.wait(2_500);
    expect(model.told).toEqual(["[The caller pressed: 42]"]);
    model.answer = () => ({ text: "To sales.", tool: { name: "transfer", input: { target: "sales" } } });
    await call.quiet();
    await call.wait(3_000);
    expect(model.results[0]).toContain("no such target");
    expect(model.said).toContain("One moment, I will put you through.");
    expect(call.heard()).toContain("To sales.");
    expect(call.next).toEqual({ next: "transfer", target: "sales" });
  });
});

describe("a model that hears and speaks itself and is lost", () => {
  test("between two turns: the three stages answer, and know what was said", async () => {
    await call.start();
    await call.quiet();
    await ask("when are you open");
    await call.wait(1_000);
    await call.quiet();
    model.lose();
    await call.wait(100);
    const over = await call.say("and on Sunday");
    await call.wait(700);
    await call.quiet();
    expect(call.heard(over)).toBe("You said and on Sunday.");
    expect(call.model.asked.at(-1)?.map(({ content }) => content)).toEqual([
      "Hello, this is the clinic.",
      "when are you open",
      "You said when are you open.",
      "and on Sunday",
    ]);
    expect(steps.told).toEqual(["speech realtime unreachable > fake"]);
  });

  test("in the middle of its answer: what came is heard, and the rest of it is found by the next model", async () => {
    model.answer = () => ({ text: LONG });
    model.stopsAfter = 8;
    call.model.answer = () => "until six in the evening.";
    await call.start();
    await call.quiet();
    const from = await ask("when are you open");
    await call.wait(1_200);
    model.lose();
    await call.wait(1_000);
    await call.quiet();
    expect(call.heard(from)).toBe(`${LONG.split(" ").slice(0, 8).join(" ")} until six in the evening.`);
    const asked = call.model.asked.at(-1) ?? [];
    expect(asked.at(-2)).toMatchObject({ role: "assistant", content: LONG.split(" ").slice(0, 8).join(" ") });
    expect(asked.at(-3)).toMatchObject({ role: "user", content: "when are you open" });
  });

  test("while it is asked: the question is answered all the same", async () => {
    model.firstMs = 60_000;
    model.wordsMs = 100;
    await call.start({ greeting: "" });
    const over = await ask("when are you open");
    await call.wait(800);
    model.lose();
    await call.wait(500);
    await call.quiet();
    expect(call.heard(over)).toBe("You said when are you open.");
  });

  test("before it has understood: the recogniser hears the sound again", async () => {
    model.wordsMs = 60_000;
    model.firstMs = 60_000;
    await call.start({ greeting: "" });
    const over = await ask("when are you open");
    await call.wait(800);
    const frames = call.ear.frames;
    model.lose();
    await call.wait(20);
    expect(call.ear.frames - frames).toBeGreaterThanOrEqual(960 / 20);
    expect(call.ear.finishes).toBe(1);
    call.ear.emit("when are you open", { final: true });
    await call.wait(1_000);
    await call.quiet();
    expect(call.heard(over)).toContain("You said when are you open.");
  });

  test("before its greeting: the greeting is heard in the other voice, once", async () => {
    model.firstMs = 60_000;
    await call.start();
    await call.wait(300);
    model.lose();
    await call.quiet();
    expect(call.heard()).toBe("Hello, this is the clinic.");
  });

  test("by saying nothing for too long", async () => {
    model.firstMs = 60_000;
    await call.start({ greeting: "" }, { stallMs: 1_000 });
    const over = await ask("when are you open");
    await call.wait(2_500);
    await call.quiet();
    expect(call.heard(over)).toBe("You said when are you open.");
    expect(steps.told).toEqual(["speech realtime timeout > fake"]);
  });

  test("again and again: the next call does not wait for it", async () => {
    breaker.enter()?.failed({ grave: true });
    await call.start();
    await call.quiet();
    const over = await call.say("hello");
    await call.wait(700);
    await call.quiet();
    expect(call.heard(over)).toBe("You said hello.");
    expect(model.opening).toBeUndefined();
    expect(steps.told).toEqual(["speech realtime open > fake"]);
  });
});
