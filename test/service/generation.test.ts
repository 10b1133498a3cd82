import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createGeneration } from "../../src/service/generation.ts";
import { Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";
import { speakingCatalogue } from "./support.ts";

function generationOf(agents: Readonly<Record<string, string>>) {
  using folder = new Folder({ "sidetone.yaml": `${SOUND_SERVICE}defaultAgent: reception\n`, ...agents });
  const [made, closed]: [string[], string[]] = [[], []];
  const catalogue = speakingCatalogue(made, closed);
  const config = loadConfig(folder.file, { catalogue, env: { ARI_PASSWORD: "x", HOME: "/home/pbx" } });
  const context = { clock: systemClock, log: silentLog };
  return {
    generation: createGeneration(config, {
      context,
      log: silentLog,
      metrics: createMetrics(),
      hintsOf: () => ["opening hours"],
    }),
    made,
    closed,
  };
}

const TWO = {
  "agents/reception.yaml": SOUND_AGENT,
  "agents/night.yaml": `numbers: ["+4930123"]\nlimits: {callMinutes: 2}\nprompts: {noInput: Still there?}\ntargets: [porter]\n${SOUND_AGENT}`,
};

describe("who answers", () => {
  test.each([
    { what: "whom the dialplan asks for", call: { agent: "night", did: "", to: "1" }, answers: "night" },
    { what: "whoever has the called number", call: { agent: "", did: "+4930123", to: "1" }, answers: "night" },
    { what: "whoever has the dialled extension", call: { agent: "", did: "", to: "+4930123" }, answers: "night" },
    { what: "the default agent otherwise", call: { agent: "", did: "5", to: "5" }, answers: "reception" },
    {
      what: "the default agent when nobody of that name is there",
      call: { agent: "ghost", did: "", to: "" },
      answers: "reception",
    },
    {
      what: "nobody by the names of JavaScript's own",
      call: { agent: "", did: "constructor", to: "__proto__" },
      answers: "reception",
    },
  ])("$what", ({ call, answers }) => {
    expect(generationOf(TWO).generation.agentFor(call).agent.name).toBe(answers);
  });

  test("with the limits, the prompts and the targets of its file", () => {
    const { agent } = generationOf(TWO).generation.agentFor({ agent: "night", did: "", to: "" });
    expect(agent.limits).toMatchObject({ callMs: 120_000, silenceMs: 8000 });
    expect(agent.prompts.noInput).toEqual(["Still there?"]);
    expect(agent.prompts.apology).toMatch(/\w/);
    expect(agent.targets).toEqual(["porter"]);
    expect(agent.hints).toEqual(["opening hours"]);
  });
});

describe("providers", () => {
  test("are shared by the agents, but a script is its agent's own", () => {
    const { made } = generationOf(TWO);
    expect(made.filter((label) => label.startsWith("flite"))).toHaveLength(1);
    expect(made.filter((label) => label.startsWith("scripted"))).toHaveLength(2);
    expect(made).toContain('scripted {"script":{"else":"Pardon?"},"language":"en"}');
  });

  test("are closed after the last call of a configuration that was replaced", async () => {
    const { generation, made, closed } = generationOf(TWO);
    const leave = generation.enter();
    const retired = generation.retire();
    await Promise.resolve();
    expect(closed).toEqual([]);
    leave();
    leave();
    await retired;
    expect(closed.sort()).toEqual(made.sort());
  });
});
