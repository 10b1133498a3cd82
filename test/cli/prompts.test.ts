import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { readPrompts } from "../../src/cli/prompts.ts";

const PROMPTS = resolve(import.meta.dirname, "../../deploy/prompts");
const filesOf = async (language: string) =>
  (await readPrompts(join(PROMPTS, `${language}.yaml`))).map(({ file }) => file);

test.each(["de", "es", "fr"])("the menu can say all that it says in English in %s, too", async (language) => {
  expect(await filesOf(language)).toEqual(await filesOf("en"));
});
