import { afterEach, describe, expect, test } from "vitest";
import { babble, CALLER_DBOV, cough, hum, noises, pink, words } from "../../bench/sounds.ts";
import { SpokenCall } from "../support/spoken-call.ts";

const SNR_DB = 15;
const NOISE_MS = 10_000;

let call: SpokenCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

async function answering(): Promise<SpokenCall> {
  call = await new SpokenCall().start();
  await call.untilAnswer(1_500);
  return call;
}

async function expectWholeAnswer(): Promise<void> {
  await call.quiet(2_500);
  const [turn] = call.turns;
  expect(turn?.interrupted).toBe(false);
  expect(turn?.agent?.heardText).toBe(turn?.agent?.text);
}

describe("the answer is heard to its end through", () => {
  test.each([1, 2, 3])("a cough (%i)", async (seed) => {
    await answering();
    call.line.play(cough(seed));
    await expectWholeAnswer();
  });

  test.each(["Mm-hm.", "Okay.", "Right.", "I see.", "Okay, right."])("%j", async (text) => {
    await answering();
    await call.say(text);
    await expectWholeAnswer();
  });

  test("five times 'okay': a caller may nod as often as they like", async () => {
    await answering();
    for (let time = 0; time < 5; time += 1) {
      await call.say("Okay.");
      await call.clock.advance(1_500);
    }
    await expectWholeAnswer();
  });

  test("an 'mm-hm' of which a recogniser has made a sentence, without much confidence", async () => {
    await answering();
    await call.say("Mm-hm.", { heard: "" });
    call.ear.confidence = 0.19;
    call.ear.hear("I'm in the gym");
    await expectWholeAnswer();
  });

  test.each(noises)("ten seconds of $name, 15 dB below the caller's voice", async ({ make }) => {
    await answering();
    call.line.play(make(NOISE_MS, CALLER_DBOV - SNR_DB));
    await call.clock.advance(NOISE_MS);
    await expectWholeAnswer();
  });

  test("babble that the recogniser takes for words", async () => {
    await answering();
    call.line.play(babble(NOISE_MS, CALLER_DBOV - SNR_DB));
    for (const word of "three dream the more we would look the more".split(" ")) {
      await call.clock.advance(900);
      call.ear.hear(word);
    }
    await expectWholeAnswer();
  });

  test.each([
    [-20, 6],
    [-10, 9],
  ])("its own echo at %i dB", async (db, frames) => {
    await answering();
    call.line.echo = { db, frames };
    await expectWholeAnswer();
  });

  test("a recording of another call's agent that comes back at -20 dB, its words understood", async () => {
    await answering();
    const text = "On Saturday, yes, from nine until one. The doctors see patients until noon.";
    call.line.play(words(text, { voice: "slt", dbov: CALLER_DBOV - 20 }));
    for (const word of text.split(" ")) {
      await call.clock.advance(350);
      call.ear.hear(word);
    }
    await expectWholeAnswer();
  });
});

describe("a caller who talks over the agent", () => {
  test.each(["Sorry, where can I park my car?", "Stop, stop.", "Excuse me, that is wrong."])(
    "with %j is heard within 80 ms",
    async (text) => {
      await answering();
      const from = await call.say(text);
      await call.clock.advance(1_000);
      const firstQuiet = call.line.heard.filter(({ atMs, audible }) => audible && atMs >= from && atMs < from + 1_000);
      expect((firstQuiet.at(-1)?.atMs ?? from) - from).toBeLessThanOrEqual(80);
      expect(call.turns[0]).toMatchObject({ interrupted: true });
    },
  );

  test.each([
    ["pink noise", pink],
    ["babble", babble],
    ["hum", hum],
  ] as const)("is heard through %s", async (_, make) => {
    await answering();
    call.line.play(make(NOISE_MS, CALLER_DBOV - SNR_DB));
    await call.clock.advance(1_500);
    await call.say("Sorry, where can I park my car?");
    await call.clock.advance(1_000);
    expect(call.turns[0]).toMatchObject({ interrupted: true });
  });

  test("is heard through the agent's own echo", async () => {
    await answering();
    call.line.echo = { db: -20, frames: 6 };
    await call.clock.advance(2_000);
    await call.say("Sorry, where can I park my car?");
    await call.clock.advance(1_000);
    expect(call.turns[0]).toMatchObject({ interrupted: true });
  });

  test("and does so again over the next answer is heard both times, and each answer is on record", async () => {
    await answering();
    await call.say("Sorry, where can I park my car?");
    await call.clock.advance(2_500);
    expect(call.speaking).toBe(true);
    await call.say("Wait a moment, please.");
    await call.clock.advance(1_000);
    expect(call.turns.map(({ interrupted }) => interrupted)).toEqual([true, true]);
    expect(call.turns[1]?.caller.text).toBe("Sorry, where can I park my car?");
  });
});

test("a door that slams leaves a gap of less than 400 ms, pauses of the agent included", async () => {
  await answering();
  const from = call.clock.now();
  call.line.play(pink(60, -8));
  await call.clock.advance(600);
  let [gap, longest] = [0, 0];
  for (const { atMs, audible } of call.line.heard) {
    if (atMs < from) continue;
    gap = audible ? 0 : gap + 20;
    longest = Math.max(longest, gap);
  }
  expect(longest).toBeLessThan(400);
  await expectWholeAnswer();
});
