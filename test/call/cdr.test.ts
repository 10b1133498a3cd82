import { describe, expect, test } from "vitest";
import {
  type Cdr,
  type CdrChange,
  type CdrStore,
  type CdrTurn,
  costOf,
  openCdr,
  summaryOf,
} from "../../src/call/cdr.ts";
import type { Turn } from "../../src/conversation/turn.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface Told {
  readonly what: string;
  readonly change: CdrChange;
  readonly turn?: CdrTurn;
}

function opened() {
  const clock = new VirtualClock();
  const leg = new FakeLeg({ media: async () => new FakeMedia(clock) });
  const told: Told[] = [];
  const begun: Cdr[] = [];
  const store: CdrStore = {
    open(cdr) {
      begun.push(cdr);
      return {
        append: (turn, change) => void told.push({ what: "turn", change, turn }),
        change: (change) => void told.push({ what: "change", change }),
        close: (change) => void told.push({ what: "close", change }),
      };
    },
  };
  return { clock, told, begun, cdr: openCdr(leg, { engine: "asterisk", agent: "reception", clock, store }) };
}

const question: Turn = {
  index: 1,
  caller: { text: "When are you open?", startMs: 2100.4 },
  agent: { text: "From nine to five.", startMs: 3300, heardMs: 812.6, heardText: "From nine" },
  tools: ["note"],
  latency: { endpointMs: 600, totalMs: 640 },
  interrupted: true,
  bargeInMs: 41,
};

describe("the record of a call", () => {
  test("begins when the call is lent, with all that is known of it", () => {
    const { begun } = opened();
    expect(begun).toHaveLength(1);
    expect(begun[0]).toMatchObject({
      ...{ id: "leg-1", engine: "asterisk", agent: "reception", from: "100", did: "200", codec: "ulaw", attempt: 1 },
      ...{ started: "2026-01-05T09:00:00.000Z", answered: null, ended: null, next: null, turns: [] },
    });
  });

  test("has each exchange as it was heard, and the keys before it", async () => {
    const { clock, told, cdr } = opened();
    await clock.advance(120);
    cdr.answered();
    cdr.key("1");
    cdr.key("#");
    cdr.turn(question);
    expect(told).toEqual([
      { what: "change", change: { answered: "2026-01-05T09:00:00.120Z" } },
      {
        what: "turn",
        change: { keys: "1#" },
        turn: {
          ...{ callerMs: 2100, caller: "When are you open?", agentMs: 3300, agent: "From nine to five." },
          ...{ heard: "From nine", heardMs: 813, latencyMs: { endpointMs: 600, totalMs: 640 } },
          ...{ interrupted: true, bargeInMs: 41, tools: ["note"] },
        },
      },
    ]);
  });

  test("is complete with the end, the cause and the next step", async () => {
    const { clock, told, cdr } = opened();
    cdr.turn(question);
    cdr.recording({ path: "/rec/leg-1.wav", consent: "given", pauses: 1 });
    await clock.advance(65_000);
    const closed = cdr.close({ next: "menu", reason: "silence" }, null);
    expect(told.map(({ what }) => what)).toEqual(["turn", "change", "close"]);
    expect(closed).toMatchObject({
      ended: "2026-01-05T09:01:05.000Z",
      next: { next: "menu", reason: "silence" },
      hangupCause: null,
      fallbacks: ["silence"],
      recording: { path: "/rec/leg-1.wav", consent: "given", pauses: 1 },
    });
    expect(closed.turns).toHaveLength(1);
  });

  test("lasts as long as the caller was there, whatever the machine's clock does meanwhile", async () => {
    for (const jumpMs of [-3_600_000, 86_400_000]) {
      const { clock, cdr } = opened();
      await clock.advance(5000);
      clock.jump(jumpMs);
      cdr.answered();
      await clock.advance(60_000);
      const closed = cdr.close({ next: "hangup" }, "normal");
      expect([closed.answered, closed.ended]).toEqual(["2026-01-05T09:00:05.000Z", "2026-01-05T09:01:05.000Z"]);
    }
  });

  test("has a limit on everything a call can pile up", () => {
    const { told, cdr } = opened();
    for (let i = 0; i < 1100; i++) cdr.turn({ ...question, caller: { text: "x".repeat(50_000), startMs: i } });
    for (let i = 0; i < 600; i++) cdr.key("5");
    const kept = Array.from({ length: 60 }, () => cdr.note("y".repeat(5000)));
    expect(told.filter(({ what }) => what === "turn")).toHaveLength(1000);
    expect(told[0]?.turn?.caller).toHaveLength(20_000);
    expect(cdr.cdr.keys).toHaveLength(500);
    expect(kept.filter(Boolean)).toHaveLength(50);
    expect(cdr.cdr.notes[0]).toHaveLength(1000);
  });

  test("says what each provider took, and what that cost where there are prices", () => {
    const { told, cdr } = opened();
    cdr.usage({ provider: "gpt", inputTokens: 120, cachedTokens: 100, outputTokens: 5, cost: 0.25 });
    cdr.usage({ provider: "voice", characters: 48 });
    cdr.usage({ provider: "gpt", inputTokens: 130, outputTokens: 7, cost: 0.5 });
    const { usage } = cdr.close({ next: "hangup" }, "normal");
    const none = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, characters: 0 };
    expect(usage).toEqual([
      { ...none, provider: "gpt", requests: 2, inputTokens: 250, cachedTokens: 100, outputTokens: 12, cost: 0.75 },
      { ...none, provider: "voice", requests: 1, characters: 48, cost: null },
    ]);
    expect([costOf({ usage }), costOf({ usage: usage.slice(1) })]).toEqual([0.75, null]);
    expect(told.map(({ what }) => what)).toEqual(["close"]);
    for (let i = 0; i < 50; i++) cdr.usage({ provider: `p${i}`, characters: 1 });
    expect(cdr.cdr.usage).toHaveLength(20);
  });

  test("leaves one line in the log, without a number or a word of what was said", async () => {
    const { clock, cdr } = opened();
    await clock.advance(30);
    cdr.answered();
    cdr.key("7");
    cdr.turn(question);
    await clock.advance(5000);
    const line = summaryOf(cdr.close({ next: "hangup" }, "normal"));
    expect(line).toEqual({
      ...{ durationMs: 5030, mediaMs: 30, turns: 1, interruptions: 1, replyMs: 640, slowestReplyMs: 640 },
      ...{ codec: "ulaw", attempt: 1, hangupCause: "normal", next: "hangup" },
    });
  });
});
