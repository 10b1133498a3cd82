import { describe, expect, test } from "vitest";
import type { Message } from "../../src/conversation/providers.ts";
import { LadderCall } from "./ladder-call.ts";

// The figure: a provider that dies in mid-sentence costs the caller at most 700 ms of silence at p95. In virtual time, with
// the defaults of the configuration, a second model that needs 350 ms for its first word, and voices that need 180 ms.

const ANSWERS = [
  "Yes. We are open from eight to six, Monday to Friday. On Saturday we close at one, and on Sunday all day.",
  "Of course, I can tell you that. The laboratory takes its last samples an hour before we close, so please come a little earlier.",
  "You can park behind the house. It costs nothing, and the gate is open from seven in the morning until eight in the evening.",
] as const;
// The pause of the voice itself, at the end of a sentence.
const PAUSE_MS = 160;

const random = (seed: number) => (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};

async function death(stage: "llm" | "tts", seed: number): Promise<number> {
  const next = random(seed * 7_919);
  const call = new LadderCall();
  const answer = ANSWERS[seed % ANSWERS.length] ?? "";
  for (const model of call.models) {
    model.firstMs = 350;
    model.answer = (messages: readonly Message[]) => {
      const last = messages.at(-1)?.content ?? "";
      return last.startsWith("(") ? answer.slice((messages.at(-2)?.content ?? "").length).trim() : answer;
    };
  }
  for (const voice of call.voices) voice.firstMs = 180;
  await call.start();
  await call.answered();
  const fault = next() < 0.5 ? "dies" : "stalls";
  if (stage === "llm") {
    // Somewhere after its first sentence, or there would be nothing yet that it could break into.
    call.models[0].faultAfter = 5 + Math.floor(next() * 16);
    call.models[0].wordMs = 20 + next() * 40;
    call.models[0].fault = fault;
  } else {
    call.voices[0].faultAfterMs = 100 + next() * 3_000;
    call.voices[0].speed = 1.2 + next() * 6;
    call.voices[0].fault = fault;
  }
  await call.say("tell me please");
  const fromMs = call.clock.now();
  await call.answered(2_500);
  expect(call.next).toBeUndefined();
  expect(call.steps.told.length).toBeGreaterThan(0);
  const silenceMs = Math.max(0, call.gapMs(fromMs) - PAUSE_MS);
  expect(await call.end()).toBe(0);
  return silenceMs;
}

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0;

describe.each(["llm", "tts"] as const)("when the %s dies in mid-sentence, at any moment", (stage) => {
  test("the caller hears at most 700 ms of silence, in 95 of 100 calls", async () => {
    const silences: number[] = [];
    for (let seed = 1; seed <= 100; seed += 1) silences.push(await death(stage, seed));
    const figures = { p50: percentile(silences, 0.5), p95: percentile(silences, 0.95), max: Math.max(...silences) };
    expect(figures.p95, JSON.stringify(figures)).toBeLessThanOrEqual(700);
  }, 120_000);
});
