import { afterEach, describe, expect, test } from "vitest";
import { promptsFor } from "../../src/conversation/agent.ts";
import { PhoneCall } from "./phone-call.ts";

const LONG =
  "We are open from nine in the morning until six in the evening, Monday to Friday, and on Saturday until noon.";

let call: PhoneCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

describe("a greeting", () => {
  test("is heard at once", async () => {
    call = await new PhoneCall().start();
    await call.wait(60);
    expect(call.soundAfter(0)).toBeLessThanOrEqual(40);
    await call.quiet();
    expect(call.heard()).toBe("Hello, this is the clinic.");
  });

  test("can be interrupted", async () => {
    call = await new PhoneCall().start();
    await call.wait(300);
    const from = call.clock.now();
    await call.say("when are you open");
    expect(call.lastHeardAt - from).toBeLessThanOrEqual(80);
    await call.wait(620);
    await call.quiet();
    expect(call.heard()).toContain("You said when are you open.");
  });

  test("is said after all when the line clicked before it", async () => {
    call = new PhoneCall();
    call.voice.firstMs = 400;
    await call.start();
    await call.noise(100);
    expect(call.heard()).toBe("");
    await call.wait(1_200);
    await call.quiet();
    expect(call.heard()).toBe("Hello, this is the clinic.");
  });

  test("that is empty leaves the first word to the caller", async () => {
    call = await new PhoneCall().start({ greeting: "" });
    await call.wait(500);
    expect(call.heard()).toBe("");
    await call.say("hello");
    await call.wait(700);
    await call.quiet();
    expect(call.heard()).toBe("You said hello.");
  });
});

describe("a question", () => {
  test("is answered within the pause and 60 ms", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    const over = await call.say("when are you open");
    await call.wait(700);
    const latency = call.latency(over);
    expect(latency).toBeGreaterThanOrEqual(600);
    expect(latency).toBeLessThanOrEqual(660);
    await call.quiet();
    expect(call.model.asked.at(-1)?.map(({ content }) => content)).toEqual([
      "Hello, this is the clinic.",
      "when are you open",
    ]);
    expect(call.turns.at(-1)).toMatchObject({
      index: 1,
      caller: { text: "when are you open" },
      agent: { text: "You said when are you open.", heardText: "You said when are you open." },
      interrupted: false,
      latency: { sttMs: 0, llmMs: 0, ttsMs: 0, playoutMs: 0 },
    });
  });

  test("is answered in time by a slow model and a slow voice too, because they begin before the pause is over", async () => {
    call = await new PhoneCall().start();
    call.model.firstMs = 180;
    call.voice.firstMs = 150;
    await call.quiet();
    const over = await call.say("when are you open");
    await call.wait(700);
    expect(call.latency(over)).toBeLessThanOrEqual(660);
  });

  test("that goes on after a breath is answered once, and whole", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    await call.say("when are you");
    await call.wait(420);
    await call.say("open today");
    await call.wait(700);
    await call.quiet();
    expect(call.heard()).toBe("Hello, this is the clinic. You said when are you open today.");
  });

  test("whose final words are late is answered when they come", async () => {
    call = await new PhoneCall().start();
    call.ear.partials = false;
    call.ear.finalMs = 600;
    await call.quiet();
    const over = await call.say("when are you open");
    await call.wait(1_000);
    expect(call.latency(over)).toBeLessThanOrEqual(860);
    await call.quiet();
    expect(call.turns.at(-1)?.latency.sttMs).toBeGreaterThan(100);
  });

  test("that ends in 'and' is not yet over", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    const over = await call.say("I want to book and");
    await call.wait(900);
    expect(call.soundAfter(over)).toBeUndefined();
    await call.wait(500);
    expect(call.soundAfter(over)).toBeDefined();
  });

  test("is over when the recogniser says so", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    const over = await call.say("when are you open");
    call.ear.emit("when are you open", { final: false, turnEnd: true });
    await call.wait(60);
    expect(call.soundAfter(over)).toBeDefined();
  });
});

describe("talking over the agent", () => {
  test("silences it at once, and what was not heard is not in its history", async () => {
    call = await new PhoneCall().start();
    call.model.answer = (question) => (question.includes("open") ? LONG : "There is parking behind the house.");
    await call.quiet();
    await call.say("when are you open");
    await call.wait(700 + 2_300);
    const from = call.clock.now();
    await call.say("where can I park");
    expect(call.lastHeardAt - from).toBeLessThanOrEqual(80);
    const heard = call.heard().replace("Hello, this is the clinic. ", "").split(" ");
    await call.wait(700);
    const told =
      call.model.asked
        .at(-1)
        ?.findLast(({ role }) => role === "assistant")
        ?.content.split(" ") ?? [];
    expect(Math.abs(told.length - heard.length)).toBeLessThanOrEqual(1);
    expect(LONG.startsWith(told.join(" "))).toBe(true);
    await call.quiet();
    expect(call.heard(from + 200)).toBe("There is parking behind the house.");
    expect(call.turns.find(({ interrupted }) => interrupted)).toMatchObject({ caller: { text: "when are you open" } });
    expect(call.bargeIns[0]).toBeLessThanOrEqual(60);
  });

  test("a cough does not cost the reply", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => LONG;
    await call.quiet();
    await call.say("when are you open");
    await call.wait(700 + 1_000);
    await call.noise(200);
    await call.quiet(1_200);
    // The word in which the hold fell is heard in two parts.
    expect(new Set(call.heard().split(" "))).toEqual(new Set(`Hello, this is the clinic. ${LONG}`.split(" ")));
    expect(call.turns.at(-1)).toMatchObject({ interrupted: false, agent: { heardText: LONG } });
  });

  test("an 'mm-hm' does not cost the reply, and is no question", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => LONG;
    await call.quiet();
    await call.say("when are you open");
    await call.wait(1_700);
    await call.say("mm-hm");
    await call.quiet(1_200);
    expect(call.turns).toHaveLength(2);
    expect(call.turns.at(-1)).toMatchObject({ interrupted: false, agent: { heardText: LONG } });
  });

  test("a 'stop' whose words come late still stops it", async () => {
    call = await new PhoneCall().start();
    call.model.answer = (question) => (question.includes("stop") ? "Sure." : LONG);
    call.ear.partials = false;
    call.ear.finalMs = 20;
    await call.quiet();
    await call.say("when are you open");
    await call.wait(1_700);
    call.ear.finalMs = 700;
    await call.say("stop");
    await call.wait(1_200);
    await call.quiet();
    expect(call.heard().endsWith("Sure.")).toBe(true);
    expect(call.turns.at(-2)).toMatchObject({ interrupted: true });
  });

  test("an echo of its own words does not stop it", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => LONG;
    await call.quiet();
    await call.say("when are you open");
    await call.wait(2_700);
    call.media.sound(300, 500);
    await call.wait(300);
    call.ear.hear("nine in the morning");
    await call.quiet(1_500);
    expect(call.turns.at(-1)).toMatchObject({ interrupted: false, agent: { heardText: LONG } });
  });

  test("a loud sound that goes on takes the floor, and the agent asks soon after it", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => LONG;
    await call.quiet();
    await call.say("when are you open please tell me");
    await call.wait(1_700);
    await call.noise(1_500);
    await call.wait(3_000);
    await call.quiet();
    expect(call.heard().endsWith("I did not hear anything. How can I help you?")).toBe(true);
  });

  test("noise that is quieter than the caller is talked over", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => LONG;
    await call.quiet();
    await call.say("when are you open please tell me");
    await call.wait(1_700);
    await call.noise(5_000, 600);
    await call.quiet(1_500);
    expect(call.turns.at(-1)).toMatchObject({ interrupted: false, agent: { heardText: LONG } });
  });

  test("the third sound ends the reply: this caller wants something", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => LONG;
    await call.quiet();
    await call.say("when are you open");
    await call.wait(1_200);
    for (let cough = 0; cough < 3; cough += 1) {
      await call.noise(160);
      await call.wait(900);
    }
    expect(call.turns.at(-1)).toMatchObject({ interrupted: true });
  });
});

describe("keys", () => {
  test("a key in mid-sentence stops the agent and is the question", async () => {
    call = await new PhoneCall().start();
    await call.wait(300);
    call.leg.press("2");
    await call.wait(20);
    const stopped = call.clock.now();
    await call.wait(1_500);
    expect(call.lastHeardAt).toBeLessThanOrEqual(stopped + 20);
    call.leg.press("4");
    call.leg.press("#");
    await call.wait(50);
    await call.quiet();
    expect(call.turns.at(-1)?.caller.text).toBe("24#");
  });
});

describe("silence", () => {
  test("two prompts, then the menu", async () => {
    call = await new PhoneCall().start();
    await call.wait(40_000);
    expect(call.heard()).toBe(
      "Hello, this is the clinic. I did not hear anything. How can I help you? Are you still there?",
    );
    expect(call.next).toEqual({ next: "menu", reason: "silence" });
  });

  test("the far end's hold stops timers and ear, and its music is not heard", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.leg.events.push({ type: "held" });
    await call.wait(20);
    const frames = call.ear.frames;
    await call.noise(120_000);
    expect(call.ear.frames).toBe(frames);
    expect(call.next).toBeUndefined();
    call.leg.events.push({ type: "resumed" });
    await call.wait(500);
    await call.say("hello again");
    await call.wait(700);
    await call.quiet();
    expect(call.heard().endsWith("You said hello again.")).toBe(true);
  });
});

describe("the end", () => {
  test("a transfer says its words first, then gives the call back", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => [
      { type: "text", text: "I will put you through to sales." },
      { type: "tool", id: "1", name: "transfer", input: { target: "sales" } },
    ];
    await call.quiet();
    await call.say("a human please");
    await call.wait(1_000);
    expect(call.next).toBeUndefined();
    await call.wait(4_000);
    expect(call.heard().endsWith("put you through to sales.")).toBe(true);
    expect(call.next).toEqual({ next: "transfer", target: "sales" });
    expect(call.turns.at(-1)?.tools).toEqual(["transfer"]);
  });

  test("a caller who objects to the transfer is not transferred", async () => {
    call = await new PhoneCall().start();
    call.model.answer = (question) =>
      question.includes("wait")
        ? "All right."
        : [
            { type: "text", text: "I will put you through to our sales department now, one moment please." },
            { type: "tool", id: "1", name: "transfer", input: { target: "sales" } },
          ];
    await call.quiet();
    await call.say("a human please");
    await call.wait(1_400);
    await call.say("no wait");
    await call.wait(1_000);
    await call.quiet();
    expect(call.next).toBeUndefined();
    expect(call.heard().endsWith("All right.")).toBe(true);
  });

  test("a target that a model made up is told to the model, and goes nowhere", async () => {
    call = await new PhoneCall().start();
    call.model.answer = (_, messages) =>
      messages.at(-1)?.role === "tool"
        ? "I cannot do that."
        : [{ type: "tool", id: "1", name: "transfer", input: { target: "+1900" } }];
    await call.quiet();
    await call.say("connect me");
    await call.wait(3_000);
    await call.quiet();
    expect(call.heard().endsWith("I cannot do that.")).toBe(true);
    expect(call.next).toBeUndefined();
  });

  test("a model that asks for tools for ever gets the menu", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => [{ type: "tool", id: "1", name: "fly", input: {} }];
    await call.quiet();
    await call.say("connect me");
    await call.wait(5_000);
    expect(call.next).toEqual({ next: "menu", reason: "tools" });
  });

  test("hanging up says goodbye first, and the caller's goodbye does not stop it", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => [{ type: "tool", id: "1", name: "hang_up", input: {} }];
    await call.quiet();
    await call.say("that was all");
    await call.wait(1_300);
    await call.say("thanks bye");
    await call.wait(5_000);
    expect(call.heard().endsWith("calling. Goodbye.")).toBe(true);
    expect(call.next).toEqual({ next: "hangup" });
  });

  test("a caller may hang up at every moment", async () => {
    for (let atMs = 0; atMs < 9_000; atMs += 170) {
      const each = await new PhoneCall().start();
      each.clock.after(atMs, () => each.leg.hangUp());
      await each.quiet();
      if (each.next === undefined) await each.say("when are you open");
      if (each.next === undefined) await each.wait(1_100);
      if (each.next === undefined) await each.say("where can I park");
      await each.wait(9_000);
      expect(each.next).toEqual({ next: "hangup" });
      call = each;
      expect(await each.end()).toBe(0);
    }
  });

  test("minutes and turns are limited", async () => {
    call = await new PhoneCall().start(
      { prompts: { ...promptsFor("en"), noInput: Array(50).fill("Hello?"), filler: [] } },
      { callMs: 60_000 },
    );
    await call.wait(60_020);
    expect(call.next).toEqual({ next: "menu", reason: "limit" });
    expect(await call.end()).toBe(0);
    call = await new PhoneCall().start({}, { turns: 2 });
    await call.quiet();
    await call.say("one");
    await call.wait(700);
    await call.quiet();
    await call.say("two");
    await call.wait(1_000);
    expect(call.next).toEqual({ next: "menu", reason: "limit" });
  });
});

describe("what breaks", () => {
  test("a model that throws gets one apology, then the menu", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => new Error("overloaded");
    await call.quiet();
    await call.say("when are you open");
    await call.wait(1_000);
    await call.quiet();
    expect(call.heard()).toContain("Sorry, something went wrong here. Could you say that again?");
    expect(call.next).toBeUndefined();
    await call.say("when are you open");
    await call.wait(1_000);
    expect(call.next).toEqual({ next: "menu", reason: "llm" });
  });

  test("a model that hangs does not keep the caller waiting for ever", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => "hang";
    await call.quiet();
    await call.say("when are you open");
    await call.wait(6_500);
    await call.quiet();
    expect(call.heard()).toContain("Sorry,");
  });

  test("a model that says nothing is no answer", async () => {
    call = await new PhoneCall().start();
    call.model.answer = () => "";
    await call.quiet();
    await call.say("when are you open");
    await call.wait(1_500);
    await call.quiet();
    expect(call.heard()).toContain("Sorry,");
  });

  test("a voice that throws, stalls or stays mute gets the menu", async () => {
    for (const fault of ["failsAt", "hangsAt", "mute"] as const) {
      call = await new PhoneCall().start();
      await call.quiet();
      if (fault === "mute") call.voice.mute = true;
      else call.voice[fault] = "You";
      await call.say("when are you open");
      await call.wait(8_000);
      expect(call.next).toEqual({ next: "menu", reason: "tts" });
      expect(await call.end()).toBe(0);
    }
  });

  test("an ear that dies is opened again, and the call goes on", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.die(new Error("gone"));
    await call.wait(100);
    expect(call.ear.opened).toBe(2);
    await call.say("when are you open");
    await call.wait(700);
    await call.quiet();
    expect(call.heard().endsWith("You said when are you open.")).toBe(true);
  });

  test("an ear that dies again and again, or leaves quietly, gets the menu", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    for (let time = 0; time < 3; time += 1) {
      if (time === 1) call.ear.leave();
      else call.ear.die(new Error("gone"));
      await call.wait(600);
    }
    expect(call.next).toEqual({ next: "menu", reason: "stt" });
  });

  test("an ear that hangs is opened again, and the agent asks", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.hangs = true;
    await call.say("when are you open");
    await call.wait(2_000);
    await call.say("hello hello");
    await call.wait(2_000);
    expect(call.ear.opened).toBe(2);
    call.ear.hangs = false;
    await call.say("when are you open");
    await call.wait(700);
    await call.quiet();
    expect(call.heard()).toContain("You said when are you open.");
  });

  test("sound that never ends does not keep the agent silent for ever", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    await call.say("when are you open");
    await call.noise(16_000);
    expect(call.heard()).toContain("You said");
  });
});
