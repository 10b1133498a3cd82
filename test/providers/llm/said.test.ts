import { expect, test } from "vitest";
import type { Message } from "../../../src/conversation/providers.ts";
import { createMatcher } from "../../../src/providers/llm/scripted/match.ts";
import { digitsOf, yesOrNo } from "../../../src/providers/llm/scripted/said.ts";
import { hintsOf, scriptSchema } from "../../../src/providers/llm/scripted/script.ts";
import { createScripted } from "../../../src/providers/llm/scripted.ts";

test.each([
  ["en", "double five oh one", "5501"],
  ["en", "twenty three, four five", "2345"],
  ["en-GB", "it is for one two", "412"],
  ["en", "to five", "25"],
  ["en", "one", "1"],
  ["en", "one moment please, it is five five", "55"],
  ["en", "I would like to know", ""],
  ["de", "null eins sieben zwo", "0172"],
  ["de-AT", "Meine Nummer ist dreiundzwanzig, fünfundvierzig null acht", "234508"],
  ["de", "zwölf, dreißig", "1230"],
  ["de", "zweimal fünf", "55"],
  ["de", "ich habe ein Problem", ""],
  ["es", "nueve uno dos, treinta y cuatro, veintiséis", "9123426"],
  ["es", "cuarenta, cinco", "405"],
  ["es-MX", "cero doble ocho", "088"],
  ["es", "quiero una cita", ""],
  ["fr", "zéro six douze trente-quatre soixante et onze", "06123471"],
  ["fr", "quatre-vingt-dix-neuf, quatre-vingts, soixante-douze", "998072"],
  ["fr", "quarante quatre-vingt-un", "4081"],
  ["fr-CH", "nonante-deux septante", "9270"],
  ["fr", "dix-sept vingt et un", "1721"],
  ["fr", "j'ai un numéro, c'est le zéro un", "01"],
  ["fr", "je voudrais un rendez-vous", ""],
  ["nl", "12 34", "1234"],
])("a caller in %s says %s", (language, said, digits) => {
  expect(digitsOf(said, language)).toBe(digits);
});

test.each([
  ["en", ["yes please", "that is right"], ["no", "that's not right"], ["who is there"]],
  ["de", ["ja, bitte", "Genau.", "stimmt", "doch"], ["nein danke", "stimmt nicht", "nee"], ["wie bitte war das"]],
  ["es", ["sí", "Si, claro", "de acuerdo"], ["no", "no, gracias", "eso no es correcto"], ["quién habla"]],
  ["fr", ["oui", "D'accord.", "bien sûr", "c'est exact"], ["non merci", "ce n'est pas ça"], ["qui est là"]],
] as const)("a caller in %s says yes, no, or something else", (language, yes, no, neither) => {
  expect(yes.map((text) => yesOrNo(text, language))).toEqual(yes.map(() => true));
  expect(no.map((text) => yesOrNo(text, language))).toEqual(no.map(() => false));
  expect(neither.map((text) => yesOrNo(text, language))).toEqual(neither.map(() => undefined));
});

const callback = (language: string) => {
  const slots = [
    { name: "phone", type: "digits", ask: "Nummer?", min: 6, max: 8 },
    { name: "today", type: "yesno", ask: "Heute?" },
  ];
  const intents = [{ name: "callback", phrases: ["rückruf"], answer: "Wir rufen {phone} an.", slots }];
  return { script: scriptSchema.parse({ intents, else: "Wie bitte?" }), language };
};

test.each([
  ["null eins sieben", "Ja, weiter."],
  ["dreißig vierzig null eins", "Heute?"],
])("a script in German hears %s, and asks on in German", async (said, says) => {
  expect(await answer(["rückruf", said])).toBe(says);
});

test("a script in German takes a no for one, and goes on in German", async () => {
  expect(await answer(["rückruf", "dreißig vierzig null eins", "nein danke"])).toMatch(/^In Ordnung\./);
  expect(await answer(["rückruf", "dreißig vierzig null eins", "ja gerne"])).toBe("Wir rufen 3 0 4 0 0 1 an.");
});

async function answer(said: readonly string[]): Promise<string> {
  const { script, language } = callback("de");
  const messages = said.map((content): Message => ({ role: "user", content }));
  let text = "";
  const { signal } = new AbortController();
  for await (const part of createScripted(script, language).reply(messages, { tools: [], signal }))
    if (part.type === "text") text += part.text;
  return text;
}

test("the recogniser expects answers in the language of the script", () => {
  expect(hintsOf(callback("de").script, "de")).toEqual(expect.arrayContaining(["rückruf", "zwo", "nein danke"]));
  expect(hintsOf(callback("fr").script, "fr-CH")).toEqual(expect.arrayContaining(["soixante", "oui"]));
});

test.each([
  ["de", "Ich hätte gerne einen Termin", "termin"],
  ["de", "Können Sie mir sagen ob Sie am Samstag geöffnet haben?", "zeiten"],
  ["de", "Ich möchte wissen was das kostet", undefined],
  ["de", "Haben Sie einen Aufzug?", undefined],
  ["fr", "Je voudrais un rendez-vous", "rdv"],
  ["fr", "Je voudrais savoir le prix", undefined],
  ["es", "¿Me puede decir cuándo abren?", "horario"],
  ["es", "Quiero saber el precio", undefined],
])("a caller in %s who says %s is understood by what it is about, not by how it is asked", (language, said, intent) => {
  const phrases = {
    termin: ["ich möchte einen Termin"],
    zeiten: ["wann haben Sie geöffnet"],
    rdv: ["je voudrais prendre un rendez-vous"],
    horario: ["quiero saber cuándo abren"],
  };
  const keywords = { zeiten: ["geöffnet"], termin: ["termin"], rdv: [], horario: [] };
  const intents = Object.entries(phrases).map(([name, texts]) => ({
    ...{ name, phrases: texts, answer: "x" },
    keywords: keywords[name as keyof typeof keywords],
  }));
  expect(createMatcher(scriptSchema.parse({ intents, else: "?" }), language)(said)?.intent.name).toBe(intent);
});
