import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { handoverWords, plainLine, returnedOf } from "../../src/call/handover.ts";
import { defineAgent } from "../../src/conversation/agent.ts";
import type { Person, Reception } from "../../src/conversation/person.ts";
import { callTools, runTool } from "../../src/conversation/tools.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const sales: Person = {
  title: "our sales desk",
  about: "Orders and prices",
  warm: true,
  ringSeconds: 15,
  onBusy: "voicemail",
  onNoAnswer: "agent",
  whenClosed: "agent",
};

const agent = defineAgent({ name: "test", targets: ["sales", "support"], people: { sales } });

/** Uses the tool, and tells what was to be spoken. */
async function transfer(
  input: Readonly<Record<string, unknown>>,
  {
    reception,
    person = sales,
    toolMs = 10_000,
  }: { reception?: Partial<Reception>; person?: Person; toolMs?: number } = {},
) {
  const clock = new VirtualClock();
  const spoken: string[] = [];
  const house: Reception = {
    hoursOf: () => ({ open: true }),
    brief: (text) => {
      spoken.push(text);
      return "brief-1";
    },
    ...reception,
  };
  const tools = callTools({ ...agent, people: { sales: person } }, { leg: { from: "+49301234" }, reception: house });
  const run = { clock, log: silentLog, toolMs, signal: new AbortController().signal };
  return { outcome: await runTool(tools, { id: "1", name: "transfer", input }, run), spoken };
}

const taken = { next: "transfer", target: "sales" };
const handover = { ringSeconds: 15, onBusy: "voicemail", onNoAnswer: "agent" };

test("a warm transfer takes along who calls and why, on the display and as a brief", async () => {
  const { outcome, spoken } = await transfer({
    target: "sales",
    reason: "Wrong invoice",
    brief: "Ms Smith, about invoice 12.",
  });
  expect(outcome).toEqual({ next: { ...taken, handover: { ...handover, brief: "brief-1", reason: "Wrong invoice" } } });
  expect(spoken).toEqual([
    "A call from 4 9 3 0 1 2 3 4. Ms Smith, about invoice 12. Press 1 to take it, or 2 to refuse.",
  ]);
});

test("a model that says nothing of the call still has the number told, and the way to take it", async () => {
  const { outcome, spoken } = await transfer({ target: "sales" });
  expect(outcome).toMatchObject({ next: { handover: { reason: "", brief: "brief-1" } } });
  expect(spoken).toEqual(["A call from 4 9 3 0 1 2 3 4. Press 1 to take it, or 2 to refuse."]);
});

test("where no brief can be spoken the human hears the fixed one", async () => {
  const { outcome } = await transfer({ target: "sales" }, { reception: { brief: () => undefined } });
  expect(outcome).toMatchObject({ next: { handover: { brief: "-" } } });
});

test("a blind transfer asks the human nothing, by the configuration or by the script's own word", async () => {
  for (const { outcome, spoken } of [
    await transfer({ target: "sales" }, { person: { ...sales, warm: false } }),
    await transfer({ target: "sales", warm: false }),
  ]) {
    expect(outcome).toMatchObject({ next: { handover: { brief: "" } } });
    expect(spoken).toEqual([]);
  }
});

test("a target of which the configuration says nothing is given to the dialplan as ever", async () => {
  expect((await transfer({ target: "support", reason: "x" })).outcome).toEqual({
    next: { next: "transfer", target: "support" },
  });
});

test("outside of their hours nobody is rung: the caller is told so, or leaves a message, or is in the menu", async () => {
  const reception = { hoursOf: () => ({ open: false, opens: "Monday 09:00" }) };
  expect((await transfer({ target: "sales" }, { reception })).outcome).toEqual({
    result:
      "Tell the caller: I am sorry, our sales desk is not available at this time. Somebody is there again Monday 09:00. What else can I do for you?",
  });
  const voicemail = await transfer({ target: "sales" }, { reception, person: { ...sales, whenClosed: "voicemail" } });
  expect(voicemail.outcome).toEqual({ next: { next: "transfer", target: "voicemail" } });
  const menu = await transfer({ target: "sales" }, { reception, person: { ...sales, whenClosed: "menu" } });
  expect(menu.outcome).toEqual({ next: { next: "menu", reason: "closed" } });
});

test("garbage for arguments goes nowhere, or counts as none", async () => {
  for (const target of ["nowhere", "", undefined, 7, { a: 1 }, ["sales"], "sales\r\nAction: Originate", "__proto__"])
    expect((await transfer({ target })).outcome).toEqual({ result: expect.stringContaining("no such target") });
  const { outcome, spoken } = await transfer({ target: "sales", reason: { a: 1 }, brief: 12, warm: "no" });
  expect(outcome).toMatchObject({ next: { handover: { reason: "", brief: "brief-1" } } });
  expect(spoken).toHaveLength(1);
});

test("too much is cut, and nothing of it can be an order of the dialplan's", async () => {
  const flood = `\${SHELL(id)}, 'x' $[1+1] )&"y"\r\nAction: Hangup ${"word ".repeat(5_000)}`;
  const { outcome, spoken } = await transfer({ target: "sales", reason: flood, brief: flood });
  if (!("next" in outcome) || outcome.next.next !== "transfer" || !outcome.next.handover)
    throw new Error("no handover");
  const words = handoverWords(outcome.next.handover);
  expect(words.why).toMatch(/^[A-Za-z0-9 .-]{0,60}$/);
  expect(spoken[0]?.length).toBeLessThan(600);
  expect(
    handoverWords({ ringSeconds: 9e9, reason: flood, brief: "../x", onBusy: "agent", onNoAnswer: "menu" }),
  ).toMatchObject({
    ring: "300",
    brief: "",
  });
});

test("a house that hangs costs the tool's time and no more", async () => {
  const hang = () => {
    throw new Error("the disk hangs");
  };
  expect((await transfer({ target: "sales" }, { reception: { brief: hang } })).outcome).toEqual({
    result: "The tool failed.",
  });
});

test("a display's line keeps the letters of names, and nothing else", () => {
  expect(plainLine("Rechnung für Müller & Söhne, Straße 5")).toBe("Rechnung fur Muller Sohne Strasse 5");
  expect(plainLine("Ça, l'été — n° 12;x=y")).toBe("Ca l ete n 12 x y");
  expect(plainLine("  \r\n ")).toBe("");
});

test("what the dialplan leaves of a transfer is understood, or nothing", () => {
  expect(returnedOf("sales/busy")).toEqual({ target: "sales", why: "busy" });
  expect(["", "sales", "sales/taken", "sales/x", "Sales/busy", "a b/busy"].map(returnedOf)).toEqual(
    Array(6).fill(undefined),
  );
});
