import { expect, test } from "vitest";
import type { Message, ReplyPart } from "../../../src/conversation/providers.ts";
import { Sentences } from "../../../src/conversation/sentences.ts";
import { piecesOf } from "../../../src/conversation/warm.ts";
import { hintsOf, type Script, scriptSchema, textsOf } from "../../../src/providers/llm/scripted/script.ts";
import { createScripted, scripted } from "../../../src/providers/llm/scripted.ts";
import { describeLanguageModel } from "../contract/llm.ts";
import { receptionScript } from "../stt/telephone.ts";

const reception = receptionScript();
describeLanguageModel("scripted", { create: () => createScripted(reception), question: "when do you open" });

async function reply(messages: readonly Message[], script: Script = reception): Promise<ReplyPart[]> {
  const parts: ReplyPart[] = [];
  const { signal } = new AbortController();
  for await (const part of createScripted(script).reply(messages, { tools: [], signal })) parts.push(part);
  return parts;
}
const textOf = (parts: readonly ReplyPart[]): string =>
  parts.map((part) => (part.type === "text" ? part.text : "")).join("");

/** The answers to what a caller says, one after the other. */
async function answers(said: readonly string[], script: Script = reception): Promise<string[]> {
  const messages: Message[] = [];
  const texts: string[] = [];
  for (const content of said) {
    messages.push({ role: "user", content });
    const text = textOf(await reply(messages, script));
    texts.push(text);
    messages.push({ role: "assistant", content: text });
  }
  return texts;
}

const small = scriptSchema.parse({
  intents: [
    {
      name: "callback",
      phrases: ["please call me back"],
      keywords: ["call back"],
      answer: "We will call {phone}.",
      slots: [
        { name: "phone", type: "digits", ask: "Which number?", min: 5, max: 8 },
        { name: "today", type: "yesno", ask: "Today?", no: "Then not." },
      ],
    },
    {
      name: "hours",
      phrases: ["when are you open"],
      keywords: ["open"],
      answer: ["At eight.", "As I said, at eight."],
    },
  ],
  else: ["Pardon?", "Please say it again."],
});

test("a caller who asks in other words gets the answer", async () => {
  expect(await answers(["could you tell me when you are open on saturday"])).toEqual([
    expect.stringContaining("On Saturday, yes"),
  ]);
});

test("'and on sunday?' is about what was just asked", async () => {
  const [, sunday] = await answers(["what are your opening hours", "and on sunday"]);
  expect(sunday).toContain("Not on Sunday");
});

test("a word that the recogniser bent a little is still understood", async () => {
  expect((await answers(["I need a perscription"]))[0]).toContain("prescriptions");
});

test("what has nothing to do with the agent is answered by the else-answers in turn", async () => {
  expect(await answers(["my dog is green", "what a fine trumpet", "two blue fish"], small)).toEqual([
    "Pardon?",
    "Please say it again.",
    "Pardon?",
  ]);
});

test("a question asked twice is answered by the next answer", async () => {
  expect(await answers(["when are you open", "are you open"], small)).toEqual(["At eight.", "As I said, at eight."]);
});

test("a caller who wants a person gets a word first, then the transfer by its name", async () => {
  const parts = await reply([{ role: "user", content: "can I speak to a human please" }]);
  expect(parts[0]).toMatchObject({ type: "text" });
  expect(parts.at(-1)).toMatchObject({ type: "tool", name: "transfer", input: { target: "support" } });
});

test("a caller who says goodbye is let go", async () => {
  const parts = await reply([{ role: "user", content: "thank you goodbye" }]);
  expect(parts.at(-1)).toMatchObject({ type: "tool", name: "hang_up", input: {} });
});

test("a number may come in pieces, with an oh and a double", async () => {
  expect(await answers(["please call me back", "double five oh", "one two", "yes please"], small)).toEqual([
    "Which number?",
    "Yes, go on.",
    "Today?",
    "We will call 5 5 0 1 2.",
  ]);
});

test("keys that were pressed are digits like any others", async () => {
  expect((await answers(["please call me back", "55012"], small))[1]).toBe("Today?");
});

test("a no ends what was begun", async () => {
  expect((await answers(["please call me back", "55012", "no thanks"], small))[2]).toBe("Then not.");
});

test("a caller who asks something else instead of answering is answered", async () => {
  expect(await answers(["please call me back", "when are you open"], small)).toEqual(["Which number?", "At eight."]);
});

test("nobody is asked for the same thing for ever", async () => {
  const said = ["please call me back", "hm", "hm", "hm", "hm"];
  expect(await answers(said, small)).toEqual([
    "Which number?",
    "Which number?",
    "Which number?",
    "Pardon?",
    "Please say it again.",
  ]);
});

test("the first clause comes alone, so that the voice can begin", async () => {
  const [first] = await reply([{ role: "user", content: "are you open on saturday" }]);
  expect(first).toEqual({ type: "text", text: "On Saturday, " });
});

test("a transfer that failed is owned up to; one that worked needs no words", async () => {
  const asked: Message[] = [
    { role: "user", content: "can I talk to a person" },
    { role: "assistant", content: "Of course." },
  ];
  expect(textOf(await reply([...asked, { role: "tool", toolId: "1", content: "failed: no such target" }]))).toContain(
    "did not work",
  );
  expect(await reply([...asked, { role: "tool", toolId: "1", content: "ok" }])).toEqual([]);
});

test("a misspelt key in the script is an error", () => {
  const script = { intents: [{ name: "a", phrase: ["b"], answer: "c" }], else: "d" };
  expect(scripted.schema.safeParse({ script }).success).toBe(false);
});

test("the recogniser is told what callers may say", () => {
  expect(hintsOf(small, "en")).toEqual(expect.arrayContaining(["please call me back", "call back", "five", "yes"]));
});

test("what a script says to every caller is known ahead, piece by piece as it is spoken", async () => {
  const texts = textsOf(reception);
  expect(texts).toContain("Twelve Harbour Street, opposite the town hall. Bus number four stops at the door.");
  expect(textsOf(small).some((text) => text.includes("{"))).toBe(false);
  expect(textsOf({ no: "script" })).toEqual([]);
  const kept = new Set(texts.flatMap(piecesOf));
  for (const question of [
    "where are you",
    "what does a visit cost",
    "are you open on sunday",
    "I need an appointment",
  ]) {
    const sentences = new Sentences();
    const parts = await reply([{ role: "user", content: question }]);
    const spoken = [
      ...parts.flatMap((part) => (part.type === "text" ? sentences.push(part.text) : [])),
      ...sentences.end(),
    ];
    expect(spoken.length).toBeGreaterThan(0);
    expect(spoken.filter((piece) => !kept.has(piece))).toEqual([]);
  }
});
