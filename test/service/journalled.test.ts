import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { courseOf } from "../../src/call/journal.ts";
import { begun, cutTurn, takenOver } from "../../src/service/journalled.ts";
import { FakeJournal } from "../fakes/journal.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const COURSE = courseOf("sales", [
  { type: "asked", text: "when are you open" },
  { type: "saying", kind: "answer", pieces: ["At nine.", "We close at noon."] },
  { type: "at", piece: 1 },
]);

function lent(journal = new FakeJournal()) {
  const clock = new VirtualClock();
  const leg = new FakeLeg({ media: async () => new FakeMedia(clock) });
  const metrics = createMetrics();
  return { leg, metrics, taken: takenOver(leg, { journal, engine: "asterisk", metrics, log: silentLog }) };
}

const counted = async ({ metrics }: ReturnType<typeof lent>) =>
  (await metrics.takenOver.get()).values.map(({ labels, value }) => [labels.result, value]);

describe("a lent call", () => {
  test("is nobody else's the first time: nothing is waited for", () => {
    const journal = new FakeJournal();
    const leg = new FakeLeg({ media: async () => new FakeMedia(new VirtualClock()) });
    const { before, begin } = begun(leg, { journal, engine: "asterisk" });
    begin("reception").write({ type: "asked", text: "hello" });
    expect([before, journal.events]).toEqual([undefined, [{ type: "asked", text: "hello" }]]);
  });

  test("whose worker died goes on with what the journal knows", async () => {
    const journal = new FakeJournal();
    journal.claimed = { type: "mine", course: COURSE, writer: journal.begin({} as never, "") };
    const call = lent(journal);
    const taken = await call.taken;
    expect(taken).toMatchObject({ before: { agent: "sales" } });
    expect(await counted(call)).toEqual([["resumed", 1]]);
  });

  test("that somebody else goes on with is refused: two agents never speak", async () => {
    const journal = new FakeJournal();
    journal.claimed = { type: "refused" };
    const call = lent(journal);
    expect(await call.taken).toBe("refused");
    expect(await counted(call)).toEqual([["refused", 1]]);
  });

  test("of which no journal knows anything begins anew", async () => {
    const call = lent();
    expect(await call.taken).toMatchObject({ before: undefined });
    expect(await counted(call)).toEqual([["anew", 1]]);
  });
});

test("what was being said when the worker died is on record, as far as it was heard", () => {
  expect(cutTurn(COURSE)).toMatchObject({
    caller: { text: "when are you open" },
    agent: { text: "At nine. We close at noon.", heardText: "At nine." },
  });
  expect(cutTurn(courseOf("sales", []))).toBeUndefined();
});
