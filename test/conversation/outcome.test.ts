import { afterEach, describe, expect, test } from "vitest";
import { collectOutcome, OUTCOME_TOOL, type OutcomeForm, type Talked } from "../../src/conversation/outcome.ts";
import type { LanguageModel, ReplyPart } from "../../src/conversation/providers.ts";
import { scriptSchema } from "../../src/providers/llm/scripted/script.ts";
import { createScripted } from "../../src/providers/llm/scripted.ts";
import { FakeModel } from "../fakes/model.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const FORM: OutcomeForm = {
  summary: true,
  deadlineMs: 20_000,
  fields: {
    reason: { type: "choice", about: "Why.", choices: ["appointment", "question"], required: true },
    callback: { type: "text", about: "Number.", max: 10, required: false },
    patient: { type: "yesno", about: "Known.", required: false },
    children: { type: "number", about: "How many.", required: false },
  },
};
const TALK: Talked[] = [
  { caller: "", heard: "Hello." },
  { caller: "I need an appointment for my two children", heard: "Gladly." },
];
const WHOLE = { summary: "An appointment.", reason: "Appointment", callback: null, patient: true, children: 2 };

const clock = new VirtualClock();
afterEach(() => expect(clock.pending).toBe(0));

const tool = (input: object): readonly ReplyPart[] => [
  { type: "tool", id: "1", name: OUTCOME_TOOL, input: { ...input } },
];

async function filled(
  llm: Pick<LanguageModel, "reply">,
  { form = FORM, turns = TALK, waitMs = 0, signal = new AbortController().signal } = {},
) {
  const outcome = collectOutcome({ llm, form, turns, language: "en", clock, signal });
  await clock.advance(waitMs);
  return await outcome;
}

describe("what a call came to", () => {
  test("is filled by the model that talked, out of what was said and heard", async () => {
    const model = new FakeModel(clock);
    model.answer = () => tool(WHOLE);
    expect(await filled(model)).toEqual({
      state: "complete",
      summary: "An appointment.",
      fields: { reason: "appointment", callback: null, patient: true, children: 2 },
      problems: [],
    });
    expect(model.tools.map(({ name }) => name)).toEqual([OUTCOME_TOOL]);
    expect(model.asked[0]?.map(({ content }) => content)).toContain("I need an appointment for my two children");
  });

  test("is asked for once more, with what was wrong, and what the first try had is kept", async () => {
    const model = new FakeModel(clock);
    model.answer = () =>
      model.asked.length === 1
        ? tool({ ...WHOLE, reason: "a chat", children: "two" })
        : tool({ summary: "Short.", reason: "question" });
    const outcome = await filled(model);
    expect(model.asked).toHaveLength(2);
    expect(model.asked[1]?.at(-1)?.content).toContain(
      "reason: expected one of appointment, question; children: expected number",
    );
    expect(outcome).toMatchObject({ state: "complete", summary: "Short.", fields: { reason: "question" } });
  });

  test("is partial, and says why, when the second try is no better", async () => {
    const model = new FakeModel(clock);
    model.answer = () => tool({ summary: "A call.", patient: "perhaps", callback: "+49 30 1234567890" });
    const outcome = await filled(model);
    expect(model.asked).toHaveLength(2);
    expect(outcome.state).toBe("partial");
    expect(outcome.fields).toEqual({ reason: null, callback: "+49 30 123", patient: null, children: null });
    expect(outcome.problems).toEqual(["reason: missing", "patient: expected true or false"]);
  });

  test("of a model without tools is read out of its words; garbage is no answer", async () => {
    const model = new FakeModel(clock);
    model.answer = () => `Here it is: ${JSON.stringify(WHOLE)}`;
    expect((await filled(model)).state).toBe("complete");
    model.answer = () => "I would rather not.";
    expect(await filled(model)).toMatchObject({ state: "failed", problems: ["there was no answer of the form"] });
    model.answer = () => new Error("broken");
    expect(await filled(model)).toMatchObject({ state: "failed", problems: ["the model failed"] });
  });

  test("takes no longer than its deadline", async () => {
    const model = new FakeModel(clock);
    model.answer = () => "hang";
    const outcome = await filled(model, { waitMs: 20_000 });
    expect(outcome.state).toBe("failed");
    expect(outcome.problems).toContain("it was not filled in time");
    expect(model.asked).toHaveLength(1);
  });

  test("of a caller who said nothing is asked of nobody", async () => {
    const model = new FakeModel(clock);
    expect((await filled(model, { turns: TALK.slice(0, 1) })).state).toBe("failed");
    expect(model.asked).toHaveLength(0);
  });

  test("of a scripted agent is what its slots were filled with", async () => {
    const script = scriptSchema.parse({
      intents: [
        {
          name: "callback",
          phrases: ["please call me back"],
          keywords: ["call back"],
          answer: "We will call {phone}.",
          slots: [
            { name: "phone", type: "digits", ask: "Which number?", min: 3 },
            { name: "urgent", type: "yesno", ask: "Is it urgent?" },
          ],
        },
      ],
      else: "Pardon?",
    });
    const form: OutcomeForm = {
      ...FORM,
      fields: {
        intent: { type: "text", about: "What for.", required: true },
        phone: { type: "text", about: "Number.", required: true },
        urgent: { type: "yesno", about: "Urgent.", required: false },
      },
    };
    const turns: Talked[] = [
      { caller: "please call me back", heard: "Which number?" },
      { caller: "4711", heard: "Is it urgent?" },
      { caller: "no", heard: "All right." },
    ];
    expect(await filled(createScripted(script), { form, turns })).toEqual({
      state: "complete",
      summary: "Asked for: callback. Given: phone: 4711, urgent: no.",
      fields: { intent: "callback", phone: "4711", urgent: false },
      problems: [],
    });
  });
});
