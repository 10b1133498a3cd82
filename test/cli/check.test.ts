import { expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../../src/base/clock.ts";
import { type Finding, findingLine } from "../../src/cli/check/finding.ts";
import { checkProviders } from "../../src/cli/check/providers.ts";
import { catalogue } from "../../src/config/catalogue.ts";
import { loadConfig } from "../../src/config/load.ts";
import { ProviderError, type SpeechToText } from "../../src/conversation/providers.ts";
import type { ProviderModule, Stage } from "../../src/providers/module.ts";
import { Folder } from "../config/support.ts";

const SERVICE = "engines: {asterisk: {ari: {password: x}, ami: {password: x}}}\ndefaultAgent: reception\n";
const SCRIPT =
  "greeting: Hello.\nscript: {intents: [{name: hours, phrases: [when are you open], answer: Always.}], else: Pardon?}\n";

/** A recogniser that knows English, and remembers what was asked of it. */
function englishEar(asked: object[]): ProviderModule<"stt"> {
  const ear: SpeechToText = {
    name: "english",
    prepare: async ({ rate, language, hints }) => void asked.push({ rate, language, hints }),
    open({ language }) {
      if (!language.startsWith("en")) throw new ProviderError("english", "refused", `not ${language}`);
      const final = { text: "", final: true, startMs: 0, endMs: 0 };
      const transcripts = (async function* () {
        yield final;
      })();
      return { push: () => {}, finish: () => {}, transcripts };
    },
    close: () => Promise.resolve(),
  };
  return { stage: "stt", name: "english", schema: z.strictObject({}), leavesHost: () => undefined, create: () => ear };
}

interface World {
  readonly service?: string;
  readonly agents: Readonly<Record<string, string>>;
  readonly asked?: object[];
}

/** What is not well, line by line. */
async function faults({ service = "", agents, asked = [] }: World): Promise<string[]> {
  const files = Object.entries(agents).map(([name, text]) => [`agents/${name}.yaml`, `${text}\n${SCRIPT}`]);
  using folder = new Folder({ "sidetone.yaml": SERVICE + service, ...Object.fromEntries(files) });
  const providers = [...catalogue.providers, englishEar(asked) as unknown as ProviderModule<Stage>];
  const config = loadConfig(folder.file, { catalogue: { ...catalogue, providers }, env: {} });
  const findings: Finding[] = await checkProviders(config, systemClock);
  return findings.filter(({ level }) => level !== "ok").map(findingLine);
}

test("a recogniser whose model is not there does not work, and what to install is said", async () => {
  const service = "providers: {pocketsphinx: {type: pocketsphinx, folder: /nowhere}}\n";
  expect(await faults({ service, agents: { reception: "vad: fvad" } })).toEqual([
    expect.stringMatching(/^fail .*pocketsphinx \(stt\) does not work: .*apt-get install -y pocketsphinx.*\.\n$/),
  ]);
});

test("a recogniser is tried with the agent's own language and the words its callers say", async () => {
  const asked: object[] = [];
  expect(await faults({ agents: { reception: "vad: fvad\nstt: english\nlanguage: en-GB" }, asked })).toEqual([]);
  expect(asked).toEqual([{ rate: 8000, language: "en-GB", hints: ["when are you open"] }]);
});

test("an agent in a language that nobody hears or speaks is named, and the others are not", async () => {
  const said = await faults({
    agents: {
      reception: "vad: fvad\nstt: english",
      empfang: "vad: fvad\nstt: english\nlanguage: de-AT",
      zentrale: "vad: fvad\nstt: english\nlanguage: de-AT",
    },
  });
  expect(said).toEqual([
    expect.stringMatching(
      /^fail .*english \(stt\) cannot serve the agents empfang, zentrale: english: not de-AT\. .*stt/,
    ),
    expect.stringMatching(/^warn .*flite \(tts\) knows en only, not the language "de-AT" of the agents empfang, zent/),
  ]);
});

test("a provider that only stands by is a warning where it does not fit", async () => {
  const service = "providers: {spare: {type: english}}\n";
  const said = await faults({ service, agents: { reception: "vad: fvad\nstt: [english, spare]\nlanguage: de" } });
  expect(said.filter((line) => line.includes("(stt)"))).toEqual([
    expect.stringMatching(/^fail .*english \(stt\) cannot serve/),
    expect.stringMatching(/^warn .*spare \(stt\) cannot serve/),
  ]);
});

test("a voice that is not known is named with its agent and the voices there are", async () => {
  const said = await faults({
    agents: { reception: "vad: fvad\nstt: english\nvoice: bob", night: "vad: fvad\nstt: english\nvoice: rms" },
  });
  expect(said).toEqual([
    expect.stringMatching(
      /^fail .*flite \(tts\) cannot serve the agent reception: .*"bob".*slt.*\. Change voice or tts/,
    ),
  ]);
});
