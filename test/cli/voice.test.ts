import { afterEach, expect, test } from "vitest";
import { openVoice } from "../../src/cli/voice.ts";
import { Folder } from "../config/support.ts";

const SERVICE = `engines: {asterisk: {ari: {password: x}, ami: {password: x}}}
cacheDir: cache
providers: {piper-de: {type: wyoming, stage: tts}, piper-fr: {type: wyoming, stage: tts, port: 10201}}
`;
const AGENT = `greeting: Hello.
voice: rms
languages:
  de: {greeting: Hallo., tts: [piper-de], voice: thorsten}
script:
  intents: [{name: hours, phrases: [open], answer: Always.}]
  else: Pardon?
`;

const folders: Folder[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder[Symbol.dispose]();
});

/** Whose voice it is, in which language. */
async function voiceFor(asked: { language?: string; provider?: string; voice?: string }): Promise<string[]> {
  const folder = new Folder({ "sidetone.yaml": SERVICE, "agents/reception.yaml": AGENT });
  folders.push(folder);
  const { tts, voice, language } = await openVoice({ config: folder.file, ...asked });
  await tts.close();
  return [tts.name, voice, language];
}

test("a text is spoken by the voice that the agent has for its language", async () => {
  expect(await voiceFor({})).toEqual(["flite", "rms", "en"]);
  expect(await voiceFor({ language: "de" })).toEqual(["piper-de", "thorsten", "de"]);
  expect(await voiceFor({ language: "de-AT" })).toEqual(["piper-de", "thorsten", "de-AT"]);
  expect(await voiceFor({ language: "fr", provider: "piper-fr", voice: "tom" })).toEqual(["piper-fr", "tom", "fr"]);
});

test("a voice that does not know the language is not made to speak it", async () => {
  await expect(voiceFor({ language: "fr" })).rejects.toThrow('--language: flite knows en only, not "fr".');
});
