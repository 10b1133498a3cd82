import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { Next } from "../../../src/call/engine.ts";
import { defineAgent } from "../../../src/conversation/agent.ts";
import { collectDigits } from "../../../src/conversation/collect-digits.ts";
import { COLLECT } from "../../../src/conversation/collector.ts";
import { memoryTools } from "../../../src/conversation/memory.ts";
import type { Person } from "../../../src/conversation/person.ts";
import { callTools } from "../../../src/conversation/tools.ts";
import { Vault } from "../../../src/conversation/vault.ts";
import { httpTool } from "../../../src/providers/tools/http.ts";
import { McpServer } from "../../../src/providers/tools/mcp.ts";
import { openToolNetwork } from "../../../src/providers/tools/network.ts";
import { httpToolSchema, mcpToolSchema } from "../../../src/providers/tools/schema.ts";
import { serveMcpOverHttp } from "../../fakes/tools/mcp-server.ts";
import { FakeShop } from "../../fakes/tools/shop.ts";
import { type How, type ToolStand, toolContract, tried } from "./contract.ts";

const nothing = { [Symbol.asyncDispose]: async () => {} };

const AT_ONCE = "nobody is asked: it is done when it is called";

toolContract({
  title: "transfer",
  open: async () => ({
    ...nothing,
    name: "transfer",
    input: (how) =>
      ({
        well: { target: "sales" },
        refuses: { target: "boss" },
        garbage: { target: { to: 7 } },
        never: {},
        tooMuch: { target: "x".repeat(100_000) },
      })[how],
  }),
  outcomes: {
    well: { next: "transfer", target: "sales" },
    never: AT_ONCE,
    refuses: /no such target/,
    garbage: /no such target/,
    tooMuch: /no such target/,
  },
});

const SALES: Person = {
  title: "our sales desk",
  about: "Orders",
  warm: true,
  ringSeconds: 15,
  onBusy: "voicemail",
  onNoAnswer: "agent",
  whenClosed: "agent",
};
const handedOver = (reason: string): Next => ({
  next: "transfer",
  target: "sales",
  handover: { ringSeconds: 15, onBusy: "voicemail", onNoAnswer: "agent", brief: "brief-1", reason },
});

toolContract({
  title: "transfer to a person who is told of the call",
  open: async () => ({
    ...nothing,
    name: "transfer",
    agent: { people: { sales: SALES } },
    prepare(call, how) {
      call.reception = { hoursOf: () => ({ open: how !== "refuses" }), brief: () => "brief-1" };
    },
    input: (how) => ({
      target: "sales",
      reason: how === "garbage" ? { to: 7 } : how === "tooMuch" ? "x".repeat(100_000) : "An invoice",
      brief: how === "garbage" ? ["x"] : how === "tooMuch" ? "y ".repeat(100_000) : "Ms Smith.",
    }),
  }),
  outcomes: {
    well: handedOver("An invoice"),
    never: "the brief is spoken into a file while it rings: nobody waits for the voice",
    refuses: /our sales desk is not available/,
    garbage: handedOver(""),
    tooMuch: handedOver("x".repeat(60)),
  },
});

toolContract({
  title: "hang_up",
  open: async () => ({
    ...nothing,
    name: "hang_up",
    input: (how) => (how === "garbage" ? { now: ["x"] } : how === "tooMuch" ? { why: "x".repeat(100_000) } : {}),
  }),
  outcomes: {
    well: { next: "hangup" },
    never: AT_ONCE,
    refuses: "an agent may always hang up",
    garbage: { next: "hangup" },
    tooMuch: { next: "hangup" },
  },
});

toolContract({
  title: "send_digits",
  open: async () => ({
    ...nothing,
    name: "send_digits",
    input: (how) =>
      how === "garbage" ? { digits: "call 911" } : { digits: how === "tooMuch" ? "1".repeat(99) : "12#" },
    prepare(call, how) {
      if (how === "refuses") call.leg.sendDtmf = () => Promise.reject(new Error("no"));
      if (how === "never") call.leg.sendDtmf = () => new Promise(() => {});
    },
  }),
  outcomes: { well: /were sent/, never: /in time/, refuses: /failed/, garbage: /failed/, tooMuch: /failed/ },
});

toolContract({
  title: "note",
  open: async () => ({
    ...nothing,
    name: "note",
    input: (how) => ({ text: how === "garbage" ? [1] : how === "tooMuch" ? "x".repeat(5_000) : "wants a call" }),
    prepare(call, how) {
      call.note = () => how !== "refuses";
    },
  }),
  outcomes: {
    well: /Noted/,
    never: "the record takes it at once, and writes when the disk lets it",
    refuses: /no more notes/,
    garbage: /no text/,
    tooMuch: /at most/,
  },
});

const COLLECTOR = {
  ...{ name: "pin", description: "", ask: "Your PIN please.", wrong: "Wrong.", nothing: "Nothing." },
  digits: { min: 4, max: 4, finish: "#", retries: 1, secure: false },
  ...{ firstMs: 4_000, betweenMs: 2_000, otherwise: "agent" as const },
};

toolContract({
  title: "collect_digits",
  open: async () => ({
    ...nothing,
    name: COLLECT,
    deaf: true,
    agent: { collectors: [COLLECTOR] },
    input: (how) => ({ collector: how === "garbage" ? { a: 1 } : how === "refuses" ? "card" : "pin" }),
    async during(call, how) {
      if (how === "well") await call.press("4711");
      // The first four are one try, and not the one that follows.
      if (how === "tooMuch") await call.press("47114711471147114711", 10);
    },
  }),
  outcomes: {
    well: /"digits":"4711"/,
    never: /has not pressed/,
    refuses: /no such collector/,
    garbage: /no such collector/,
    tooMuch: /"digits":"4711"/,
  },
});

const memory = (how: How) => ({
  recall: async () => {
    if (how === "never") return await new Promise<never>(() => {});
    if (how === "refuses") throw new Error("no disk");
    const text = how === "garbage" ? "\u0007[]{}" : "Likes tea.";
    const at = "2026-01-02T03:04:05.000Z";
    return how === "tooMuch" ? Array.from({ length: 500 }, () => ({ text: "y".repeat(2_000), at })) : [{ text, at }];
  },
  remember: () => {
    if (how === "refuses") throw new Error("no disk");
  },
});

function remembering(name: "remember" | "recall"): () => Promise<ToolStand> {
  return async () => {
    let how: How = "well";
    return {
      ...nothing,
      name,
      tools: () => memoryTools(memory(how)),
      prepare(_call, now) {
        how = now;
      },
      input: (now) =>
        name === "recall" ? {} : { text: now === "garbage" ? 7 : now === "tooMuch" ? "x".repeat(400) : "Likes tea." },
    };
  };
}

toolContract({
  title: "remember",
  open: remembering("remember"),
  outcomes: {
    well: /Noted/,
    never: "the store takes it at once, and writes when the disk lets it",
    refuses: /failed/,
    garbage: /no text/,
    tooMuch: /at most/,
  },
});

toolContract({
  title: "recall",
  open: remembering("recall"),
  outcomes: {
    well: /2026-01-02: Likes tea/,
    never: /in time/,
    refuses: /failed/,
    garbage: /2026/,
    tooMuch: /^(2026-01-02: y{300}(\n|$)){20}$/,
  },
});

toolContract({
  title: "of a request over HTTP",
  async open() {
    const shop = await new FakeShop().listen();
    const network = openToolNetwork({ near: true, connectMs: 2_000 });
    const settings = httpToolSchema.parse({
      type: "http",
      description: "An order's state.",
      url: `${shop.url}/orders/{order}`,
      parameters: { order: { type: "string", maxLength: 40 } },
      private: true,
      timeoutMs: 3_000,
      maxBytes: 10_000,
    });
    return {
      name: "order",
      tools: (scope) => [httpTool({ name: "order", settings, network }, scope)],
      input: (how) => ({ order: how }),
      running: () => shop.running,
      async [Symbol.asyncDispose]() {
        await network.close();
        await shop.close();
      },
    };
  },
  outcomes: {
    well: /^\{"state":"sent"\}$/,
    never: /did not answer in time/,
    refuses: /answered 403/,
    garbage: /no valid JSON/,
    tooMuch: /too long/,
  },
});

const SERVER = new URL("../../fakes/tools/mcp-server.ts", import.meta.url).pathname;

function mcp(kind: "stdio" | "http"): () => Promise<ToolStand> {
  return async () => {
    const served = kind === "http" ? await serveMcpOverHttp() : undefined;
    const network = openToolNetwork({ near: true, connectMs: 2_000 });
    const where = served ? { url: served.url } : { command: process.execPath, args: [SERVER] };
    const settings = mcpToolSchema.parse({
      ...{ type: "mcp", tools: ["look_up"], private: true, timeoutMs: 3_000, maxBytes: 10_000 },
      ...where,
    });
    const server = new McpServer({ name: "stock", settings, network, clock: systemClock, log: silentLog });
    await server.ready();
    return {
      name: "stock_look_up",
      tools: (scope) => server.toolsFor(scope),
      input: (how) => ({ how }),
      async [Symbol.asyncDispose]() {
        await server.close();
        await network.close();
        await served?.close();
      },
    };
  };
}

const MCP = {
  well: /^Three in stock/,
  never: /did not answer in time/,
  refuses: /^This failed: Not for you/,
  garbage: /^\[image\]$/,
  tooMuch: /too long/,
};

toolContract({ title: "of an MCP server that is a program", open: mcp("stdio"), outcomes: MCP });
toolContract({ title: "of an MCP server over HTTP", open: mcp("http"), outcomes: MCP });

test("every tool that Sidetone has itself is among them", () => {
  const leg = { sendDtmf: async () => {} };
  const all = [
    ...callTools(defineAgent({ name: "test", targets: ["sales"] }), { leg, observer: { note: () => true } }),
    ...collectDigits({
      agent: defineAgent({ name: "test", collectors: [COLLECTOR] }),
      ...{ leg, log: silentLog, vault: new Vault() },
      keypad: () => {
        throw new Error("nobody presses anything here");
      },
    }),
    ...memoryTools(memory("well")),
  ];
  expect(all.map(({ definition }) => definition.name).filter((name) => !tried.has(name))).toEqual([]);
});
