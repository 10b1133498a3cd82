import { setTimeout as passing } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Next } from "../../../src/call/engine.ts";
import type { Agent } from "../../../src/conversation/agent.ts";
import type { MoreTools } from "../../../src/conversation/tools.ts";
import { PhoneCall } from "../../conversation/phone-call.ts";

/** What the other side of a tool does, or what a model writes where there is no other side. */
export type How = "well" | "never" | "refuses" | "garbage" | "tooMuch";

/** One tool with whatever it talks to. */
export interface ToolStand extends AsyncDisposable {
  readonly tools?: MoreTools;
  readonly agent?: Partial<Agent>;
  /** Before the call begins. */
  prepare?(call: PhoneCall, how: How): void;
  /** While the tool runs: what the caller does, and what nobody else does. */
  during?(call: PhoneCall, how: How): Promise<void>;
  readonly name: string;
  input(how: How): Readonly<Record<string, unknown>>;
  /** Requests at the other side that nobody has given up. Undefined: there is no other side. */
  readonly running?: () => number;
  /** While it runs the caller's words are nobody's. */
  readonly deaf?: boolean;
}

export interface ToolSubject {
  readonly title: string;
  open(): Promise<ToolStand>;
  /** What the model is told, or where the call goes; in words, why it cannot happen to this tool. */
  readonly outcomes: Readonly<Record<How, RegExp | Next | string>>;
}

/** The titles of all that go through this. */
export const tried = new Set<string>();

const TITLES: Readonly<Record<How, string>> = {
  well: "does what it is for",
  never: "that gets no answer is given up, and the model is told so",
  refuses: "that is refused says so",
  garbage: "that is given garbage, or gets it, harms nobody",
  tooMuch: "that is given too much, or gets it, refuses it",
};

const REAL_MS = 8_000;

/** Lets the other side work, in real time, and no time pass in the call. */
export async function until(call: PhoneCall, what: () => boolean): Promise<void> {
  for (const began = performance.now(); !what(); ) {
    if (performance.now() - began > REAL_MS) throw new Error("what was waited for did not come");
    await passing(2);
    await call.wait(0);
  }
}

const told = (call: PhoneCall): string | undefined =>
  call.model.asked.flat().findLast(({ role, toolId }) => role === "tool" && toolId === "t1")?.content;

async function begin(stand: ToolStand, how: How): Promise<PhoneCall> {
  const call = new PhoneCall();
  if (stand.tools) call.tools = stand.tools;
  stand.prepare?.(call, how);
  call.model.answer = (question, messages) => {
    if (messages.at(-1)?.role === "tool") return "That is done.";
    if (messages.some(({ role }) => role === "tool")) return `You said ${question}.`;
    return [{ type: "tool", id: "t1", name: stand.name, input: stand.input(how) }];
  };
  await call.start({ greeting: "", ...stand.agent });
  await call.say("please do it");
  await call.wait(1_000);
  return call;
}

/** The same for every tool that an agent has: nothing that it does, or that is done to it, costs the caller the call. */
export function toolContract({ title, open, outcomes }: ToolSubject): void {
  tried.add(title);
  describe(`the tool ${title}`, () => {
    const happens = (how: How): boolean => typeof outcomes[how] !== "string";
    const cases = (Object.keys(outcomes) as How[]).filter(happens).map((how) => ({ how, what: TITLES[how] }));
    test.each(cases)("$what", { timeout: 20_000 }, async ({ how }) => {
      const outcome = outcomes[how];
      await using stand = await open();
      const call = await begin(stand, how);
      await stand.during?.(call, how);
      // What needs no other side needs no time but that of its words.
      if (!stand.tools) await call.quiet();
      const over = () => told(call) !== undefined || call.next !== undefined;
      if (how === "never") for (let waited = 0; !over() && waited < 120_000; waited += 500) await call.wait(500);
      else await until(call, () => over());
      await call.wait(200);
      if (outcome instanceof RegExp) {
        expect(told(call)).toMatch(outcome);
        expect((told(call) ?? "").length).toBeLessThan(20_000);
        await call.quiet();
        expect(call.heard()).toContain("That is done.");
      } else {
        await call.quiet();
        await call.wait(1_000);
        expect(call.next).toEqual(outcome);
      }
      expect(await call.end()).toBe(0);
      if (stand.running) await until(call, () => stand.running?.() === 0);
    });

    test("whose caller hangs up in the middle is given up at once", { timeout: 20_000 }, async () => {
      await using stand = await open();
      const how = happens("never") ? "never" : "well";
      const call = await begin(stand, how);
      call.leg.hangUp();
      await call.wait(50);
      expect(call.next).toEqual({ next: "hangup" });
      expect(await call.end()).toBe(0);
      if (stand.running) await until(call, () => stand.running?.() === 0);
    });

    test("whose caller speaks in the middle goes on, and the words are answered afterwards", {
      timeout: 20_000,
    }, async () => {
      await using stand = await open();
      const how = happens("never") ? "never" : "well";
      const call = await begin(stand, how);
      await call.say("and something else");
      await stand.during?.(call, how);
      const over = () => told(call) !== undefined || call.next !== undefined;
      for (let waited = 0; !over() && waited < 120_000; waited += 500) {
        await passing(1);
        await call.wait(500);
      }
      await call.quiet(2_000);
      // Whoever asks for keys hears nothing else meanwhile; who took the call elsewhere has nobody to answer.
      const asked = call.model.asked.flat().map(({ content }) => content);
      if (call.next === undefined && !stand.deaf) expect(asked.join("\n")).toContain("something else");
      else if (call.next === undefined) expect(told(call)).toBeDefined();
      else expect(call.next).toEqual(outcomes[how]);
      expect(await call.end()).toBe(0);
    });
  });
}
