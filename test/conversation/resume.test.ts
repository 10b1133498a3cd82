import { afterEach, describe, expect, test } from "vitest";
import { type Course, type CourseEvent, courseOf } from "../../src/call/journal.ts";
import { promptsFor } from "../../src/conversation/agent.ts";
import { History } from "../../src/conversation/history.ts";
import { takeUp } from "../../src/conversation/taking-up.ts";
import type { Tool } from "../../src/conversation/tools.ts";
import { PhoneCall } from "./phone-call.ts";

const LONG = "We are open from nine in the morning. On Saturday we close at noon. On Sunday nobody is here at all.";
const SORRY = "Sorry, the line was interrupted.";

const calls: PhoneCall[] = [];
afterEach(async () => {
  for (const call of calls.splice(0)) expect(await call.end()).toBe(0);
});

async function lent(setUp: (call: PhoneCall) => void = () => undefined): Promise<PhoneCall> {
  const call = new PhoneCall();
  calls.push(call);
  setUp(call);
  return call.start();
}

const takenOver = (before: Course, setUp: (call: PhoneCall) => void = () => undefined): Promise<PhoneCall> =>
  lent((call) => {
    call.before = before;
    setUp(call);
  });

/** A call in which the caller has asked something, and is hearing the second sentence of the answer. */
async function inMidSentence(): Promise<PhoneCall> {
  const call = await lent((one) => {
    one.model.answer = () => LONG;
  });
  await call.quiet();
  await call.say("when are you open");
  while (!call.heard().includes("On Saturday we")) await call.wait(20);
  await call.wait(300);
  return call;
}

describe("a caller whose worker dies", () => {
  test("hears the sentence that was cut again, after a word of excuse, and then the rest", async () => {
    const next = await takenOver((await inMidSentence()).killed());
    await next.wait(60);
    expect(next.soundAfter(0), "at once").toBeLessThanOrEqual(40);
    await next.quiet();
    expect(next.heard()).toBe(
      `${SORRY} As I was saying: On Saturday we close at noon. On Sunday nobody is here at all.`,
    );
  });

  test("is understood afterwards as if nothing had happened: the model is told what was heard, once", async () => {
    const next = await takenOver((await inMidSentence()).killed());
    await next.quiet();
    await next.say("and on monday");
    await next.wait(700);
    await next.quiet();
    const told = next.model.asked.at(-1)?.filter(({ role }) => role !== "system") ?? [];
    const text = told.map(({ role, content }) => `${role}: ${content}`).join("\n");
    expect(text).toContain("assistant: Hello, this is the clinic.");
    expect(text.match(/user: when are you open/g)).toHaveLength(1);
    expect(text).toContain("assistant: We are open from nine in the morning.");
    expect(text.match(/On Saturday we close/g)).toHaveLength(1);
    expect(text).toMatch(/user: and on monday$/);
  });

  test("is answered when the worker died before the answer, and need not ask again", async () => {
    const call = await lent((one) => {
      one.model.firstMs = 2000;
    });
    await call.quiet();
    await call.say("when are you open");
    await call.wait(1200);
    const course = call.killed();
    expect(course.asked).toBe("when are you open");
    const next = await takenOver(course);
    await next.quiet();
    expect(next.heard()).toBe(`${SORRY} You said when are you open.`);
  });

  test("is asked to go on when nobody was speaking", async () => {
    const call = await lent();
    await call.quiet();
    await call.wait(1000);
    const next = await takenOver(call.killed());
    await next.quiet();
    expect(next.heard()).toBe(`${SORRY} Please go on.`);
    await next.say("when are you open");
    await next.wait(700);
    await next.quiet();
    expect(next.heard()).toContain("You said when are you open.");
  });

  test("is greeted after all when the worker died in its greeting", async () => {
    const call = await lent();
    await call.wait(300);
    const next = await takenOver(call.killed());
    await next.quiet();
    expect(next.heard()).toBe(`${SORRY} As I was saying: Hello, this is the clinic.`);
  });

  test("need not press again what was pressed", async () => {
    const call = await lent();
    await call.quiet();
    for (const key of ["4", "2"]) call.journalled.push({ type: "key", digit: key });
    const next = await takenOver(call.killed());
    await next.quiet();
    next.leg.press("7");
    next.leg.press("#");
    await next.wait(200);
    await next.quiet();
    const told = next.model.asked.at(-1) ?? [];
    expect(told.filter(({ role }) => role === "user").map(({ content }) => content)).toEqual(["42", "7#"]);
  });

  test("is put through where the agent had said so and the worker died with the words", async () => {
    const course = courseOf("test", [
      { type: "asked", text: "sales please" },
      { type: "saying", kind: "answer", pieces: ["I will put you through."] },
      { type: "tools", tools: [{ id: "1", name: "transfer", input: { target: "sales" } }] },
    ]);
    const next = await takenOver(course);
    await next.quiet();
    await next.wait(200);
    expect(next.next).toEqual({ next: "transfer", target: "sales" });
  });

  test("pays for no tool twice: the model is told that nobody knows", async () => {
    const course = courseOf("test", [
      { type: "asked", text: "book it" },
      { type: "saying", kind: "answer", pieces: ["One moment."] },
      { type: "heard", text: "One moment.", tools: [{ id: "b1", name: "book", input: {} }] },
    ]);
    const next = await takenOver(course);
    await next.quiet();
    const told = next.model.asked.at(-1) ?? [];
    expect(told.at(-1)).toMatchObject({ role: "tool", toolId: "b1" });
    expect(told.at(-1)?.content).toContain("unknown");
    expect(next.heard()).toContain(SORRY);
  });

  /** The caller has asked for two things at once, and the worker died at the first of them. */
  const AT_WORK: readonly CourseEvent[] = [
    { type: "asked", text: "where is my order" },
    { type: "saying", kind: "answer", pieces: ["One moment."] },
    {
      type: "heard",
      text: "One moment.",
      tools: [
        { id: "b1", name: "book", input: {} },
        { id: "l1", name: "look_up", input: { order: "7" } },
      ],
    },
  ];

  /** A tool that says how often it was run, and with what. */
  const counting = (name: string, ran: unknown[], repeatable?: boolean): Tool => ({
    definition: { name, description: "", parameters: { type: "object", properties: {} } },
    ...(repeatable !== undefined && { repeatable }),
    async run(input) {
      ran.push(input);
      return { result: "It is on its way." };
    },
  });

  test("is told what a tool finds that may be run again, after a word of excuse; one that may not is not run, and the model knows it", async () => {
    const [booked, lookedUp]: [unknown[], unknown[]] = [[], []];
    const next = await takenOver(courseOf("test", AT_WORK), (call) => {
      call.tools = () => [counting("book", booked), counting("look_up", lookedUp, true)];
      call.model.answer = (text) => `I found: ${text}`;
    });
    await next.quiet(1500);
    expect(booked).toEqual([]);
    expect(lookedUp).toEqual([{ order: "7" }]);
    expect(next.heard()).toMatch(/^Sorry, the line was interrupted\. I found:/);
    // Each request stands there once, with one result.
    const told = next.model.asked.at(-1) ?? [];
    const asked = told.flatMap((message) => (message.role === "assistant" ? (message.tools ?? []) : []));
    expect(asked.map(({ id }) => id)).toEqual(["b1", "l1"]);
    const results = told.filter((message) => message.role === "tool");
    expect(results).toMatchObject([
      { toolId: "b1", content: expect.stringContaining("unknown") },
      { toolId: "l1", content: "It is on its way." },
    ]);
    expect(next.model.asked).toHaveLength(1);
  });

  test("and is away and back later is spoken of to the model with each request once", async () => {
    const lookedUp: unknown[] = [];
    const next = await takenOver(courseOf("test", AT_WORK), (call) => {
      call.tools = () => [counting("look_up", lookedUp, true)];
    });
    await next.quiet(1500);
    const course = courseOf("test", [...AT_WORK, ...next.journalled]);
    const history = new History({ prompt: "", limit: 100 });
    takeUp(course, history, promptsFor("en"), { returned: { result: "Nobody was there.", text: "I am back." } });
    const requests = history.messages().flatMap((one) => (one.role === "assistant" ? (one.tools ?? []) : []));
    expect(requests.map(({ id }) => id).sort()).toEqual(["b1", "l1"]);
    expect(history.messages().filter(({ role }) => role === "tool")).toHaveLength(2);
  });

  test("whose model numbers its requests anew in each turn keeps all of them", () => {
    const history = new History({ prompt: "", limit: 100 });
    const turn: readonly CourseEvent[] = [
      { type: "heard", text: "One moment.", tools: [{ id: "0", name: "look_up", input: {} }] },
      { type: "tool", id: "0", result: "Found." },
    ];
    takeUp(courseOf("test", [...turn, ...turn]), history, promptsFor("en"), { tools: [counting("look_up", [], true)] });
    expect(history.messages().map(({ role }) => role)).toEqual(["assistant", "tool", "assistant", "tool"]);
  });

  test("may interrupt the one that goes on", async () => {
    const next = await takenOver((await inMidSentence()).killed());
    await next.wait(600);
    const from = next.clock.now();
    await next.say("no thank you that is enough");
    expect(next.lastHeardAt - from).toBeLessThanOrEqual(400);
  });

  test("is taken up a second time from where the first taking up was", async () => {
    const second = await takenOver((await inMidSentence()).killed());
    await second.wait(500);
    // The journal of the second begins with that of the first.
    const course = courseOf("test", [...(calls[0]?.journalled ?? []), ...second.journalled]);
    expect(course.history.filter(({ role }) => role === "caller")).toHaveLength(1);
  });
});

test.each(["en", "de", "es", "fr"])("the excuse is in the caller's language: %s", (language) => {
  const { interrupted, asISaid, goOn } = promptsFor(language);
  expect(new Set([interrupted, asISaid, goOn]).size).toBe(3);
  if (language !== "en") expect(interrupted).not.toBe(promptsFor("en").interrupted);
});
