import { expect, test } from "vitest";
import { providers } from "../../src/providers/index.ts";

const modules = Object.entries(providers).flatMap(([stage, byName]) =>
  Object.entries(byName).map(([name, module]) => ({ stage, name, module })),
);

test.each(modules)("$stage $name is registered under its own name", ({ stage, name, module }) => {
  expect([module.stage, module.name]).toEqual([stage, name]);
});

test("what comes with Sidetone sends nothing to anybody", () => {
  expect(providers.vad.fvad.leavesHost(providers.vad.fvad.schema.parse({}))).toBeUndefined();
  expect(providers.vad.silero.leavesHost(providers.vad.silero.schema.parse({}))).toBeUndefined();
  expect(providers.tts.flite.leavesHost(providers.tts.flite.schema.parse({}))).toBeUndefined();
});
