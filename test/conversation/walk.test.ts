import { expect, test } from "vitest";
import { Breaker } from "../../src/base/breaker.ts";
import { FakeSpeech } from "../fakes/dialogue.ts";
import { PhoneCall } from "./phone-call.ts";

const ACTIONS = 25;

function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

async function disturb(call: PhoneCall, pick: (below: number) => number): Promise<void> {
  const disturbances: (() => Promise<unknown> | undefined)[] = [
    () => call.say(["when are you open", "stop", "mm-hm", "and", "a human please"][pick(5)] ?? ""),
    () => call.noise(40 + pick(1_200), [500, 2_000, 9_000][pick(3)]),
    () => void call.leg.press("0123456789*#"[pick(12)] ?? "1"),
    () => call.wait(pick(4_000)),
    () => call.wait(pick(60)),
    () =>
      void call.ear.emit(["stop", "", "open", "hello hello"][pick(4)] ?? "", {
        final: pick(2) === 0,
        turnEnd: pick(4) === 0,
      }),
    () => {
      call.leg.events.push({ type: "held" });
      call.leg.events.push({ type: "resumed" });
      if (pick(2)) call.leg.events.push({ type: "resumed" });
      return undefined;
    },
    () => {
      call.ear.finalMs = pick(900);
      call.model.firstMs = pick(900);
      call.voice.firstMs = pick(400);
      return undefined;
    },
  ];
  await disturbances[pick(disturbances.length)]?.();
}

/** A model that hears and speaks itself, and is lost every now and then. */
function speaking(call: PhoneCall, pick: (below: number) => number): FakeSpeech {
  const model = new FakeSpeech(call.clock, call.voice);
  const breaker = new Breaker(call.clock, { failures: 2, retryMs: 5_000, retryMaxMs: 60_000 });
  call.speech = { rungs: [{ name: "realtime", provider: model, breaker }], onStep: () => {}, voices: {} };
  model.answer = (heard) => ({
    text: `You said ${heard}.`,
    ...(pick(6) === 0 && { tool: { name: "transfer", input: { target: "nobody" } } }),
  });
  return model;
}

async function disturbModel(model: FakeSpeech, pick: (below: number) => number): Promise<void> {
  model.hears.push(["when are you open", "", "mm-hm", "stop"][pick(4)] ?? "");
  model.wordsMs = pick(1_500);
  model.firstMs = pick(900);
  model.stopsAfter = pick(8) === 0 ? pick(4) : undefined;
  if (pick(10) === 0) model.opening?.events.speech();
  if (pick(30) === 0) model.lose();
}

const HOW = [
  { how: "whatever callers do, and whenever", spoken: false, seeds: 120 },
  { how: "the same with a model that hears and speaks itself, which may be lost", spoken: true, seeds: 30 },
] as const;

test.each(HOW)(
  "$how: the agent answers in the end, and the call is given back once",
  { timeout: 120_000 },
  async ({ spoken, seeds }) => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const pick = seeded(seed);
      const call = new PhoneCall();
      const model = spoken ? speaking(call, pick) : undefined;
      await call.start({}, { turns: 500 });
      for (let action = 0; action < ACTIONS && call.next === undefined; action += 1) {
        if (model) await disturbModel(model, pick);
        await disturb(call, pick);
      }
      // Nobody does anything any more: the agent says something within its patience, then the menu has the call.
      call.ear.finalMs = 20;
      if (call.next === undefined) {
        const from = call.clock.now();
        await call.wait(25_000);
        expect(call.next !== undefined || (call.soundAfter(from) ?? 0) > 0, `seed ${seed} falls silent`).toBe(true);
        await call.wait(60_000);
      }
      expect(call.next, `seed ${seed} has no end`).toBeDefined();
      expect(call.turns.map(({ index }) => index)).toEqual(call.turns.map((_, index) => index));
      expect(await call.end(), `seed ${seed} leaves timers`).toBe(0);
    }
  },
);
