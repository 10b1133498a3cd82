import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Message } from "../../src/conversation/providers.ts";
import { scriptSchema } from "../../src/providers/llm/scripted/script.ts";
import { createScripted } from "../../src/providers/llm/scripted.ts";
import { FAULTS, type Fault } from "./faults.ts";
import { LadderCall } from "./ladder-call.ts";
import { repeats } from "./support.ts";

const GREETING = "Hello, this is the clinic.";
const HOURS = "We are open from eight to six, Monday to Friday. On Saturday we close at one, and on Sunday all day.";
const PARKING = "You can park your car behind the house. It costs nothing.";

let call: LadderCall;

const answer = (messages: readonly Message[]): string => {
  const asked = messages.findLast(({ role, content }) => role === "user" && !content.startsWith("("))?.content ?? "";
  const whole = asked.includes("park") ? PARKING : HOURS;
  const said = messages.at(-1)?.content.startsWith("(") ? (messages.at(-2)?.content ?? "") : "";
  return whole.slice(said.length).trim();
};

beforeEach(() => {
  call = new LadderCall();
  for (const model of call.models) model.answer = answer;
});

afterEach(async () => {
  expect(await call.end()).toBe(0);
});

const strike = { stt: 0, llm: 0, tts: 0 } as const;

describe.each(Object.keys(strike) as (keyof typeof strike)[])("%s", (stage) => {
  describe.each(FAULTS)("fails: %s", (fault: Fault) => {
    const faulty = () => ({ stt: call.ears, llm: call.models, tts: call.voices })[stage];
    const breaks = (index: 0 | 1): void => {
      faulty()[index].fault = fault;
      if (stage === "stt" && !["silent", "stalls", "empty"].includes(fault)) call.ears[index].die();
    };

    test("the caller asks twice and is answered twice, every word once", async () => {
      await call.start();
      await call.answered();
      await call.say("when are you open", { afterWords: 2, happens: () => breaks(0) });
      await call.answered();
      await call.say("where can I park my car");
      await call.answered();
      expect(call.next).toBeUndefined();
      // A voice that dies in the middle of a word: that word counts as said, and so may the next.
      const [whole, heard] = [`${GREETING} ${HOURS} ${PARKING}`.split(" "), call.heard().split(" ")];
      const inMiddle = stage === "tts" && (fault === "stalls" || fault === "dies");
      expect(whole.length - heard.length).toBeLessThanOrEqual(inMiddle ? 2 : 0);
      expect(whole.filter((word) => heard.includes(word)).join(" ")).toBe(call.heard());
      expect(repeats(call.heard())).toEqual([]);
      expect(call.turns.map(({ caller }) => caller.text)).toEqual(["", "when are you open", "where can I park my car"]);
      expect(call.steps.told[0]).toMatch(new RegExp(`^${stage} cloud \\w+ > local$`));
    });

    test("a caller who talks over the answer at that moment is heard, and answered", async () => {
      await call.start();
      await call.answered();
      await call.say("when are you open", { afterWords: 2, happens: () => breaks(0) });
      await call.wait(1_400);
      await call.say("no where can I park my car please");
      await call.answered();
      expect(call.next).toBeUndefined();
      expect(call.heard()).toMatch(stage === "tts" ? /It costs nothing\.$/ : new RegExp(`${PARKING}$`));
      expect(repeats(call.heard())).toEqual([]);
    });

    test("and is well again: it has the call back", async () => {
      await call.start();
      await call.answered();
      await call.say("when are you open", { afterWords: 2, happens: () => breaks(0) });
      await call.answered();
      faulty()[0].fault = undefined;
      await call.wait(5_000);
      for (let turn = 0; turn < 3; turn += 1) {
        await call.say("where can I park my car");
        await call.answered();
      }
      expect(call.next).toBeUndefined();
      // What failed but once is simply asked again: then nobody had to stand in for the next question.
      expect(call.steps.told.at(-1)).toBe(`${stage} cloud back`);
    });

    test("and so do all: the caller is in the menu, with the stage as the reason, unless it can be mended", async () => {
      await call.start();
      await call.answered();
      const both = (): void => {
        breaks(0);
        breaks(1);
      };
      for (let turn = 0; turn < 4 && call.next === undefined; turn += 1) {
        await call.say("when are you open", { afterWords: 2, happens: both });
        await call.wait(14_000);
      }
      if (stage === "stt" && fault === "dies") {
        // A connection that broke is made again, and the call goes on.
        expect(call.next).toBeUndefined();
        expect(call.turns.at(-1)?.agent?.heardText).toBe(HOURS);
        return;
      }
      // Who understands nothing is asked again, and is in the menu as silence is.
      const reason =
        stage === "stt" && ["empty", "silent", "stalls"].includes(fault) ? /stt|silence/ : new RegExp(stage);
      expect(call.next).toEqual({ next: "menu", reason: expect.stringMatching(reason) });
      expect(call.heard().startsWith(GREETING)).toBe(true);
    });
  });
});

test("a voice that fails before the greeting: the next one greets", async () => {
  call.voices[0].fault = "refused";
  await call.start();
  await call.answered();
  expect(call.heard()).toBe(GREETING);
  expect(call.media.heard[0]?.atMs).toBeLessThan(400);
});

test("with every model gone, the script answers", async () => {
  call.models[0].fault = "500";
  call.models[1].fault = "silent";
  const script = createScripted(
    scriptSchema.parse({
      intents: [{ name: "hours", phrases: ["when are you open"], keywords: ["open"], answer: "From eight to six." }],
      else: "Pardon?",
    }),
  );
  await call.start({}, { models: [...call.models, script] });
  await call.answered();
  await call.say("when are you open");
  await call.answered();
  expect(call.heard()).toBe(`${GREETING} From eight to six.`);
  expect(call.steps.told).toEqual(["llm cloud unreachable > local", "llm local timeout > scripted"]);
});

test("a tool whose answer nobody can put into words is not run again: the next model is told its result", async () => {
  const [first, second] = call.models;
  let asked = 0;
  first.answer = (messages) => {
    if (messages.at(-1)?.role === "tool") return HOURS;
    asked += 1;
    return [{ type: "tool", id: "t1", name: "note", input: { text: "wants the hours" } }];
  };
  await call.start();
  await call.answered();
  await call.say("when are you open");
  for (let ms = 0; ms < 5_000 && asked === 0; ms += 20) await call.wait(20);
  first.fault = "silent";
  second.answer = (messages) => (messages.at(-1)?.role === "tool" ? "It is noted." : "Never.");
  await call.answered();
  expect(call.heard()).toBe(`${GREETING} It is noted.`);
  expect(asked).toBe(1);
});

describe("a caller who waits", () => {
  test("hears a few words of the agent's, once, and then the answer", async () => {
    await call.prepareFiller();
    await call.start();
    await call.answered();
    call.models[0].firstMs = 1_450;
    call.models[0].fault = "500";
    call.models[1].firstMs = 900;
    await call.say("when are you open");
    await call.answered(1_500);
    expect(call.heard()).toBe(`${GREETING} One moment, please. ${HOURS}`);
    expect(call.fillers).toBe(1);
    // What the model is told it said is the answer alone.
    expect(call.turns.at(-1)?.agent?.heardText).toBe(HOURS);
    await call.say("where can I park my car");
    await call.answered(1_500);
    expect(call.heard()).toBe(`${GREETING} One moment, please. ${HOURS} Just a moment. ${PARKING}`);
  });

  test("and talks instead is not talked over by them", async () => {
    await call.prepareFiller();
    await call.start();
    await call.answered();
    call.models[0].firstMs = 1_450;
    await call.say("when are you open");
    for (let ms = 0; ms < 5_000 && call.fillers === 0; ms += 20) await call.wait(20);
    await call.wait(60);
    await call.say("where can I park my car");
    const atMs = call.clock.now();
    await call.answered();
    expect(call.heard(atMs)).toMatch(new RegExp(`${PARKING}$`));
    expect(call.heard().split("One moment").length).toBeLessThanOrEqual(2);
  });

  test("no longer than usual hears none", async () => {
    await call.prepareFiller();
    await call.start();
    await call.answered();
    await call.say("when are you open");
    await call.answered();
    expect(call.heard()).toBe(`${GREETING} ${HOURS}`);
    expect(call.fillers).toBe(0);
  });

  test.each([
    ["de", "Einen Moment, bitte."],
    ["es", "Un momento, por favor."],
    ["fr", "Un instant, s'il vous plaît."],
  ])("hears them in the agent's language: %s", async (language, words) => {
    await call.prepareFiller({ language });
    await call.start({ language });
    await call.answered();
    call.models[0].firstMs = 1_490;
    await call.say("when are you open");
    await call.answered(1_200);
    expect(call.heard()).toContain(words);
  });
});
