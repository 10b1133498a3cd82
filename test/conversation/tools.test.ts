import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { defineAgent } from "../../src/conversation/agent.ts";
import { callTools, runTool, type ToolCall } from "../../src/conversation/tools.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const agent = defineAgent({ name: "test", targets: ["sales"] });

async function use(name: string, input: Readonly<Record<string, unknown>>, call: ToolCall): Promise<unknown> {
  const clock = new VirtualClock();
  const run = { clock, log: silentLog, toolMs: 10_000, signal: new AbortController().signal };
  return runTool(callTools(agent, call), { id: "1", name, input }, run);
}

const names = (call?: ToolCall): string[] => callTools(agent, call).map(({ definition }) => definition.name);

test("an agent has the tools that its call allows", () => {
  expect(names()).toEqual(["transfer", "hang_up"]);
  expect(names({ leg: { sendDtmf: async () => {} }, observer: { note: () => true } })).toEqual([
    "transfer",
    "hang_up",
    "send_digits",
    "note",
  ]);
});

test("digits are pressed as the model wrote them, without its blanks", async () => {
  const pressed: string[] = [];
  const leg = { sendDtmf: async (digits: string) => void pressed.push(digits) };
  expect(await use("send_digits", { digits: "12 34-#a" }, { leg })).toEqual({ result: "The digits were sent." });
  expect(pressed).toEqual(["1234#A"]);
});

test("what is no digit is not pressed, and the model hears why", async () => {
  const pressed: string[] = [];
  const leg = { sendDtmf: async (digits: string) => void pressed.push(digits) };
  for (const digits of ["", "call 911!", "1".repeat(33), undefined, { a: 1 }, "1\r\nAction: Originate"]) {
    expect(await use("send_digits", { digits }, { leg })).toEqual({ result: expect.stringContaining("failed") });
  }
  expect(pressed).toEqual([]);
});

test("digits that the PBX refuses are told to the model as a failure", async () => {
  const leg = { sendDtmf: () => Promise.reject(new Error("no connection")) };
  expect(await use("send_digits", { digits: "1" }, { leg })).toEqual({ result: "The tool failed." });
});

test("a note reaches the record in one line, and is refused when it is too long, empty or one too many", async () => {
  const notes: string[] = [];
  const observer = { note: (text: string) => notes.push(text) <= 1 };
  expect(await use("note", { text: " wants a call\nback " }, { observer })).toEqual({ result: "Noted." });
  expect(await use("note", { text: "another" }, { observer })).toEqual({ result: expect.stringContaining("failed") });
  expect(await use("note", { text: "x".repeat(1001) }, { observer })).toEqual({
    result: expect.stringContaining("failed"),
  });
  expect(await use("note", { text: 7 }, { observer })).toEqual({ result: expect.stringContaining("failed") });
  expect(notes).toEqual(["wants a call back", "another"]);
});
