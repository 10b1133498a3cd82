import { afterEach, describe, expect, test } from "vitest";
import { cough } from "../../bench/sounds.ts";
import { SpokenCall } from "../support/spoken-call.ts";

let call: SpokenCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

describe("a caller whose phone sends nothing between words", () => {
  test("is answered as soon as others, and can interrupt", async () => {
    call = new SpokenCall();
    call.line.suppresses = true;
    await call.start();
    await call.say("Could you tell me when you are open on Saturday?");
    const over = call.clock.now();
    await call.clock.advance(800);
    const first = call.line.heard.find(({ atMs, audible }) => audible && atMs > over);
    expect((first?.atMs ?? Number.POSITIVE_INFINITY) - over).toBeLessThanOrEqual(700);
    await call.clock.advance(1_500);
    await call.say("Sorry, where can I park my car?");
    await call.clock.advance(500);
    expect(call.turns[0]).toMatchObject({ interrupted: true });
  });

  test("does not lose the answer to a cough", async () => {
    call = new SpokenCall();
    call.line.suppresses = true;
    await call.start();
    await call.untilAnswer(1_500);
    call.line.play(cough(2));
    await call.quiet(2_500);
    expect(call.turns[0]).toMatchObject({ interrupted: false });
  });
});
