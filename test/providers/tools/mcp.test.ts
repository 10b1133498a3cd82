import { setTimeout as passing } from "node:timers/promises";
import { expect, test } from "vitest";
import { silentLog } from "../../../src/base/log.ts";
import { Vault } from "../../../src/conversation/vault.ts";
import { McpServer } from "../../../src/providers/tools/mcp.ts";
import { openToolNetwork } from "../../../src/providers/tools/network.ts";
import { mcpToolSchema } from "../../../src/providers/tools/schema.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const SERVER = new URL("../../fakes/tools/mcp-server.ts", import.meta.url).pathname;

async function until(clock: VirtualClock, what: () => boolean): Promise<void> {
  for (const began = performance.now(); !what() && performance.now() - began < 10_000; ) {
    await passing(5);
    await clock.advance(0);
  }
  expect(what()).toBe(true);
}

test("an MCP server that dies is started again, and its tools say meanwhile that they cannot be reached; those that are not named do not exist", async () => {
  const clock = new VirtualClock();
  const network = openToolNetwork({ near: true, connectMs: 2_000 });
  const settings = mcpToolSchema.parse({ type: "mcp", command: process.execPath, args: [SERVER], tools: ["look_up"] });
  const server = new McpServer({ name: "stock", settings, network, clock, log: silentLog });
  await server.ready();
  const tools = server.toolsFor({ clock, log: silentLog, vault: new Vault() });
  expect(tools.map(({ definition }) => definition.name)).toEqual(["stock_look_up"]);
  const use = (how: string) => tools[0]?.run({ how }, new AbortController().signal);
  expect(await use("well")).toEqual({ result: "Three in stock." });
  expect(await use("dies")).toEqual({ result: expect.stringContaining("This failed") });
  await until(clock, () => !server.connected);
  expect(await use("well")).toEqual({ result: "This failed: it cannot be reached now." });
  // After the pause; a program then takes its own time to start.
  await clock.advance(500);
  await until(clock, () => server.connected);
  expect(await use("well")).toEqual({ result: "Three in stock." });
  await server.close();
  await network.close();
  expect(clock.pending).toBe(0);
});

test.each([
  { repeatable: undefined, again: { stock_look_up: true, stock_delete_all: false } },
  { repeatable: ["delete_all"], again: { stock_look_up: false, stock_delete_all: true } },
])(
  "which tools are run again after a worker's death the server says, or the configuration: $repeatable",
  async ({ repeatable, again }) => {
    const clock = new VirtualClock();
    const network = openToolNetwork({ near: true, connectMs: 2_000 });
    const settings = mcpToolSchema.parse({
      ...{ type: "mcp", command: process.execPath, args: [SERVER], tools: ["look_up", "delete_all"] },
      ...(repeatable && { repeatable }),
    });
    const server = new McpServer({ name: "stock", settings, network, clock, log: silentLog });
    await server.ready();
    const tools = server.toolsFor({ clock, log: silentLog, vault: new Vault() });
    expect(Object.fromEntries(tools.map((tool) => [tool.definition.name, tool.repeatable]))).toEqual(again);
    // What a model is told of them stays what it was.
    expect(Object.keys(tools[0]?.definition ?? {}).sort()).toEqual(["description", "name", "parameters"]);
    await server.close();
    await network.close();
  },
);

test("an MCP server that is not there costs its agents nothing but its tools", async () => {
  const clock = new VirtualClock();
  const network = openToolNetwork({ near: true, connectMs: 2_000 });
  const settings = mcpToolSchema.parse({ type: "mcp", command: "/nonexistent", tools: ["look_up"] });
  const server = new McpServer({ name: "stock", settings, network, clock, log: silentLog });
  await server.ready();
  expect(server.toolsFor({ clock, log: silentLog, vault: new Vault() })).toEqual([]);
  await server.close();
  await network.close();
  expect(clock.pending).toBe(0);
});
