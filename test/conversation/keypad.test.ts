import { describe, expect, test } from "vitest";
import { DtmfDetector } from "../../src/audio/dtmf-detector.ts";
import { dtmfTone } from "../../src/audio/tone.ts";
import type { Agent } from "../../src/conversation/agent.ts";
import { COLLECT, type Collector } from "../../src/conversation/collector.ts";
import type { Person, Reception } from "../../src/conversation/person.ts";
import type { ReplyPart } from "../../src/conversation/providers.ts";
import type { ToolScope } from "../../src/conversation/tools.ts";
import { PhoneCall } from "./phone-call.ts";

const PIN: Collector = {
  name: "pin",
  description: "the caller's PIN",
  ask: "Please press your PIN.",
  wrong: "That was wrong.",
  nothing: "I got nothing.",
  digits: { min: 4, max: 6, finish: "#", retries: 1, secure: false },
  firstMs: 5_000,
  betweenMs: 2_000,
  otherwise: "agent",
};
const SECURE: Collector = { ...PIN, digits: { ...PIN.digits, secure: true } };

/** An agent that asks for the collector as soon as the caller wants something, and then says what it was told. */
async function asked(
  collector: Collector,
  { words = "", agent = {}, reception }: { words?: string; agent?: Partial<Agent>; reception?: Reception } = {},
) {
  const call = new PhoneCall();
  call.reception = reception;
  let scope: ToolScope | undefined;
  call.tools = (given) => {
    scope = given;
    return [];
  };
  call.model.answer = (_question, messages) => {
    const last = messages.at(-1);
    if (last?.role === "tool") return `Told ${last.content.replace(/token-\w+/, "a token")}`;
    if (messages.some(({ role }) => role === "tool")) return "Anything else?";
    const tool: ReplyPart = { type: "tool", id: "1", name: COLLECT, input: { collector: "pin" } };
    return words === "" ? [tool] : [{ type: "text", text: words }, tool];
  };
  await call.start({ greeting: "Hello.", collectors: [collector], ...agent });
  await call.quiet();
  await call.say("my account please");
  await call.wait(1_500);
  return { call, scope: () => scope };
}

const told = (call: PhoneCall): string =>
  call.model.asked.flat().findLast(({ role }) => role === "tool")?.content ?? "";

describe("digits that the agent asks for", () => {
  test("are taken at once with the key that ends them, and the model is told", async () => {
    const { call } = await asked(PIN);
    expect(call.heard()).toContain("Please press your PIN.");
    await call.quiet();
    await call.press("4711#");
    await call.wait(500);
    expect(told(call)).toBe('{"digits":"4711"}');
    expect(call.keys.join("")).toBe("4711#");
    expect(await call.end()).toBe(0);
  });

  test("may be pressed while they are asked for: the agent is silent with the first key", async () => {
    const { call } = await asked(PIN);
    const at = call.clock.now();
    await call.press("471");
    expect(call.lastHeardAt).toBeLessThanOrEqual(at + 100);
    await call.press("1#");
    await call.wait(500);
    expect(told(call)).toBe('{"digits":"4711"}');
    expect(await call.end()).toBe(0);
  });

  test("that come while the agent still says that it will ask are not lost", async () => {
    const { call } = await asked(PIN, { words: "For that I need your PIN, and then I can look up all that you want." });
    await call.press("4711#");
    await call.wait(500);
    expect(told(call)).toBe('{"digits":"4711"}');
    expect(call.heard()).not.toContain("Please press");
    expect(await call.end()).toBe(0);
  });

  test("are complete when as many were pressed as there may be, and the hash that follows is nobody's", async () => {
    const { call } = await asked(PIN);
    await call.press("471123", 100);
    await call.wait(300);
    expect(told(call)).toBe('{"digits":"471123"}');
    call.leg.press("#");
    await call.quiet();
    expect(call.heard()).toContain("Told");
    expect(await call.end()).toBe(0);
  });

  test("are complete some time after the last key, and begin anew with a star", async () => {
    const { call } = await asked(PIN);
    await call.press("99*4711");
    await call.wait(1_500);
    expect(told(call)).toBe("");
    await call.wait(600);
    expect(told(call)).toBe('{"digits":"4711"}');
    expect(await call.end()).toBe(0);
  });

  test("are asked for again when they are too few or of the wrong kind, with a word of why", async () => {
    const { call } = await asked({ ...PIN, digits: { ...PIN.digits, regex: "4\\d+" } });
    await call.press("5555#");
    await call.wait(2_000);
    expect(call.heard()).toContain("That was wrong. Please press your PIN.");
    await call.press("4711#");
    await call.wait(500);
    expect(told(call)).toBe('{"digits":"4711"}');
    expect(await call.end()).toBe(0);
  });

  test("are not waited for in silence for ever: the caller is asked again, then it is as the agent's file says", async () => {
    const { call } = await asked(PIN);
    await call.quiet();
    await call.wait(5_600);
    expect(call.heard()).toContain("I got nothing. Please");
    await call.wait(9_000);
    expect(told(call)).toContain("This failed");
    expect(await call.end()).toBe(0);
  });

  test.each([
    { otherwise: "human", human: { target: "support" }, next: { next: "transfer", target: "support" } },
    { otherwise: "human", human: "menu", next: { next: "menu", reason: "human" } },
    { otherwise: "human", human: undefined, next: { next: "menu", reason: "human" } },
    { otherwise: "menu", human: undefined, next: { next: "menu", reason: "keys" } },
    { otherwise: { transfer: "sales" }, human: undefined, next: { next: "transfer", target: "sales" } },
  ] as const)("that never come lead where the file says: $next", async ({ otherwise, human, next }) => {
    const { call } = await asked({ ...PIN, otherwise }, { agent: { human } });
    await call.wait(30_000);
    expect(call.next).toEqual(next);
    expect(await call.end()).toBe(0);
  });

  test("that never come take the caller to a person as any transfer does, with a brief and within their hours", async () => {
    const sales: Person = {
      ...{ title: "our sales desk", about: "", warm: true, ringSeconds: 15 },
      ...{ onBusy: "agent", onNoAnswer: "agent", whenClosed: "agent" },
    };
    for (const open of [true, false]) {
      const reception: Reception = { hoursOf: () => ({ open }), brief: () => "brief-1" };
      const agent = { human: { target: "sales" }, people: { sales } };
      const { call } = await asked({ ...PIN, otherwise: "human" }, { agent, reception });
      await call.wait(30_000);
      if (open) expect(call.next).toMatchObject({ next: "transfer", handover: { brief: "brief-1", ringSeconds: 15 } });
      else expect(told(call)).toContain("our sales desk is not available");
      expect(await call.end()).toBe(0);
    }
  });

  test("have no music under them, and words do not disturb them", async () => {
    const { call } = await asked(PIN);
    await call.quiet();
    await call.press("47");
    await call.say("one moment");
    expect(call.media.music).toBe(0);
    await call.press("11#");
    await call.wait(500);
    expect(told(call)).toBe('{"digits":"4711"}');
    expect(await call.end()).toBe(0);
  });

  test("of a caller who hangs up meanwhile leave nothing behind", async () => {
    const { call } = await asked(PIN);
    await call.press("47");
    call.leg.hangUp();
    await call.wait(100);
    expect(call.next).toEqual({ next: "hangup" });
    expect(await call.end()).toBe(0);
  });
});

/** A recording that notes when it was paused. */
function recorder(call: PhoneCall) {
  const pauses: { from: number; to?: number }[] = [];
  let [depth, count] = [0, 0];
  call.leg.recording = {
    consent: "announced",
    path: "/recording.wav",
    get paused() {
      return depth > 0;
    },
    get pauses() {
      return count;
    },
    async pause() {
      await call.clock.sleep(10);
      if (depth++ === 0) count += pauses.push({ from: call.clock.now() }) > 0 ? 1 : 0;
    },
    async resume() {
      const last = pauses.at(-1);
      if (--depth === 0 && last) last.to = call.clock.now();
    },
  };
  return pauses;
}

describe("digits of a secure collector", () => {
  /** Everything that the conversation told anybody. */
  const everything = (call: PhoneCall): string =>
    JSON.stringify([
      call.model.asked,
      call.turns,
      call.keys,
      call.journalled,
      call.callerWords,
      call.voice.spoken,
      call.leg.sent,
    ]);

  async function pressTones(call: PhoneCall, keys: string): Promise<void> {
    for (const key of keys) {
      call.media.send(dtmfTone(key, { ms: 120, rate: 8000 }));
      await call.wait(120);
      call.leg.press(key);
      await call.wait(120);
    }
  }

  async function secured(words = "") {
    const call = new PhoneCall();
    const pauses = recorder(call);
    const ear = new DtmfDetector({ rate: 8000 });
    const heard: string[] = [];
    call.ear.onFrame = ({ pcm }) => heard.push(...ear.push(pcm).map(({ digit }) => digit));
    let scope: ToolScope | undefined;
    call.tools = (given) => {
      scope = given;
      return [];
    };
    call.model.answer = (_question, messages) => {
      if (messages.some(({ role }) => role === "tool")) return "Thank you.";
      const tool: ReplyPart = { type: "tool", id: "1", name: COLLECT, input: { collector: "pin" } };
      return words === "" ? [tool] : [{ type: "text", text: words }, tool];
    };
    await call.start({ greeting: "Hello.", collectors: [SECURE], human: "menu" });
    await call.quiet();
    await call.say("my account please");
    await call.wait(900);
    return { call, pauses, heard, scope: () => scope };
  }

  test("reach no model, record, journal or recogniser; a tool may have them, by the collector's name", async () => {
    const { call, pauses, heard, scope } = await secured();
    const from = call.clock.now();
    await pressTones(call, "739146");
    await call.wait(2_000);
    const token = /"token":"([^"]+)"/.exec(told(call))?.[1] ?? "";
    expect(token).toMatch(/^token-[a-z]{24}$/);
    expect(scope()?.vault.reveal(token, "pin")).toBe("739146");
    expect(scope()?.vault.reveal(token, "card")).toBeUndefined();
    expect(scope()?.vault.redact("the PIN 7391-46 is right")).toBe("the PIN [removed] is right");
    expect(everything(call)).not.toMatch(/7.?3.?9.?1.?4.?6/);
    expect(call.keys).toEqual([]);
    expect(heard).toEqual([]);
    expect(pauses).toEqual([{ from: expect.any(Number), to: expect.any(Number) }]);
    expect(pauses[0]?.from).toBeLessThanOrEqual(from);
    // Longer than the last tone, by half a second.
    expect(pauses[0]?.to).toBeGreaterThanOrEqual(from + 6 * 240 + 300);
    expect(await call.end()).toBe(0);
    expect(scope()?.vault.reveal(token, "pin")).toBeUndefined();
  });

  test("are nobody's when they come before the question, or are more than were asked for", async () => {
    const { call, pauses, heard } = await secured("For that I need your PIN, and then I will look at your account.");
    await pressTones(call, "739146");
    await pressTones(call, "82");
    await call.wait(3_000);
    expect(told(call)).toContain("token");
    expect(everything(call)).not.toMatch(/[78].?[32]/);
    expect(heard).toEqual([]);
    expect(pauses).toHaveLength(1);
    expect(await call.end()).toBe(0);
  });

  test("are not asked for where the recording cannot be paused", async () => {
    const { call } = await asked(SECURE);
    expect(await call.end()).toBe(0);
    const refused = new PhoneCall();
    recorder(refused);
    if (refused.leg.recording) refused.leg.recording.pause = () => Promise.reject(new Error("no"));
    refused.model.answer = (_question, messages) =>
      messages.some(({ role }) => role === "tool")
        ? "Sorry."
        : [{ type: "tool", id: "1", name: COLLECT, input: { collector: "pin" } }];
    await refused.start({ greeting: "Hello.", collectors: [SECURE] });
    await refused.quiet();
    await refused.say("my account please");
    await refused.wait(2_500);
    expect(told(refused)).toContain("This failed");
    expect(refused.heard()).not.toContain("Please press");
    expect(await refused.end()).toBe(0);
  });

  test("are asked for anew by the worker that goes on with the call, under the pause that the dead one has left", async () => {
    const { call } = await secured();
    await pressTones(call, "73");
    const before = call.killed();
    const after = new PhoneCall();
    const pauses = recorder(after);
    void after.leg.recording?.pause();
    await after.clock.advance(20);
    after.before = before;
    after.model.answer = () => "Thank you.";
    await after.start({ collectors: [SECURE] });
    await after.press("91");
    await after.quiet();
    await after.press("*739146");
    await after.wait(3_000);
    expect(everything(after)).not.toMatch(/7.?3.?9.?1/);
    expect(everything(after)).toContain("token-");
    expect(pauses).toEqual([{ from: expect.any(Number), to: expect.any(Number) }]);
    expect(await after.end()).toBe(0);
    await call.end();
  });
});

describe("0", () => {
  test("is a way to a person, said so first", async () => {
    const call = await new PhoneCall().start({ human: { target: "support" } });
    await call.quiet();
    await call.press("0");
    await call.wait(2_500);
    await call.quiet();
    expect(call.heard()).toContain("I will put you through.");
    expect(call.next).toEqual({ next: "transfer", target: "support" });
    expect(call.model.asked).toEqual([]);
    expect(await call.end()).toBe(0);
  });

  test("leads to the menu where there is nobody else, at once with a hash", async () => {
    const call = await new PhoneCall().start({ human: "menu" });
    await call.press("0#");
    await call.wait(100);
    expect(call.next).toEqual({ next: "menu", reason: "human" });
    expect(await call.end()).toBe(0);
  });

  test("within a number, or where the agent's file says so, is a digit", async () => {
    const call = await new PhoneCall().start({ human: "menu" });
    await call.press("030");
    await call.wait(2_500);
    expect(call.model.asked.flat().at(-1)?.content).toBe("030");
    expect(call.next).toBeUndefined();
    expect(await call.end()).toBe(0);
    const off = await new PhoneCall().start({ human: undefined });
    await off.press("0#");
    await off.wait(500);
    expect(off.model.asked.flat().at(-1)?.content).toBe("0#");
    expect(await off.end()).toBe(0);
  });
});
