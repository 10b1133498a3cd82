import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ProviderError } from "../../src/conversation/providers.ts";
import { PhoneCall } from "../conversation/phone-call.ts";
import { FakeTurnModel } from "../fakes/turn-model.ts";

let call: PhoneCall;
let model: FakeTurnModel;

beforeEach(() => {
  call = new PhoneCall();
  model = new FakeTurnModel(call.clock);
  call.turn = { model, deadlineMs: 150, threshold: 0.5, completeMs: 300, incompleteMs: 1_500 };
});
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

/** The agent's silence after a turn, the caller's last sound included, in ms. */
async function silenceAfter(words: string): Promise<number> {
  await call.start();
  await call.quiet();
  const over = await call.say(words);
  await call.wait(4_000);
  return call.latency(over);
}

/** The same without a model. */
async function plainSilence(words: string): Promise<number> {
  const plain = new PhoneCall();
  await plain.start();
  await plain.quiet();
  const over = await plain.say(words);
  await plain.wait(4_000);
  const silence = plain.latency(over);
  expect(await plain.end()).toBe(0);
  return silence;
}

describe("with a model that hears whether a turn is over", () => {
  test("a caller who sounds finished is answered sooner, by as much as the pause is shorter", async () => {
    model.says = [0.9];
    const plain = await plainSilence("when are you open");
    const silence = await silenceAfter("when are you open");
    expect(plain - silence).toBeGreaterThanOrEqual(280);
    expect(plain - silence).toBeLessThanOrEqual(320);
    expect(call.turns.at(-1)?.caller.text).toBe("when are you open");
  });

  test("a caller who sounds as if there were more to come is waited for", async () => {
    model.says = [0.1];
    const silence = await silenceAfter("I would like a room");
    expect(silence).toBeGreaterThanOrEqual(1_500);
    expect(silence).toBeLessThan(1_900);
  });

  test("what such a caller adds belongs to the same turn", async () => {
    model.says = [0.1, 0.9];
    await call.start();
    await call.quiet();
    await call.say("I would like a room");
    await call.wait(1_100);
    const over = await call.say("for two nights");
    await call.wait(2_000);
    expect(call.heard(over)).toContain("You said I would like a room for two nights.");
    expect(call.latency(over)).toBeLessThan(600);
    expect(model.asked).toHaveLength(2);
    // All of the turn, with what was before it for half a second, and no more.
    const [first, second] = model.asked;
    expect(first?.voicedMs).toBeGreaterThan(1_150);
    expect(first?.ms).toBeLessThan(2_200);
    expect(second?.voicedMs).toBeGreaterThan(1_850);
  });

  test("an answer that comes too late is none: silence decides, and the question is given up", async () => {
    model.says = [0.9];
    model.afterMs = 151;
    const plain = await plainSilence("when are you open");
    expect(await silenceAfter("when are you open")).toBe(plain);
    expect(model.asked).toHaveLength(1);
    expect(model.asked[0]?.signal.reason).toBeInstanceOf(ProviderError);
    expect(model.asked[0]?.signal.reason).toMatchObject({ code: "timeout" });
  });

  test("a model that fails costs the caller nothing", async () => {
    model.says = [new ProviderError("fake", "missing", "no file")];
    const plain = await plainSilence("when are you open");
    expect(await silenceAfter("when are you open")).toBe(plain);
  });

  test("half a number is waited for, however finished it sounds", async () => {
    model.says = [0.9];
    const plain = await plainSilence("four four two");
    expect(await silenceAfter("four four two")).toBe(plain);
    expect(plain).toBeGreaterThanOrEqual(1_200);
  });

  test("it is asked once a pause, however many words come in it", async () => {
    model.says = [0.1];
    await call.start();
    await call.quiet();
    await call.say("I would like");
    await call.wait(300);
    call.ear.emit("I would like a", { final: false });
    await call.wait(100);
    call.ear.emit("I would like a room", { final: false });
    await call.wait(3_000);
    expect(model.asked).toHaveLength(1);
  });

  test("a slow recogniser has no less time for its words than without it", async () => {
    model.says = [0.9];
    call.ear.partials = false;
    call.ear.finalMs = 700;
    const silence = await silenceAfter("when are you open");
    // At 200 ms the words were asked for: they are there at 900, and the silence rule alone would have waited until 1000.
    expect(silence).toBeLessThan(1_000);
    expect(call.heard()).toContain("You said when are you open.");
    expect(call.ear.opened).toBe(1);
  });

  test("a caller who speaks on while it thinks has the question given up", async () => {
    model.says = [0.9];
    model.afterMs = 140;
    await call.start();
    await call.quiet();
    await call.say("when are");
    // Voice activity calls it silence after 200 ms.
    await call.wait(260);
    const over = await call.say("you open");
    await call.wait(2_000);
    expect(call.heard(over)).toContain("You said when are you open.");
    expect(model.asked).toHaveLength(2);
    expect(call.turns.filter(({ caller: { text } }) => text !== "")).toHaveLength(1);
  });

  test("a caller who hangs up while it thinks leaves nothing behind", async () => {
    model.says = [0.9];
    await call.start();
    await call.quiet();
    await call.say("when are you open");
    await call.wait(210);
    expect(model.asked).toHaveLength(1);
    call.leg.hangUp();
    await call.wait(0);
    expect(model.asked[0]?.signal.aborted).toBe(true);
    expect(call.next).toEqual({ next: "hangup" });
  });
});
