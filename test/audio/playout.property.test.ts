import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digitalSilence } from "../../src/audio/comfort.ts";
import { type Batch, Playout } from "../../src/audio/playout.ts";
import { isSilent, PromptPbx } from "../support/playing-pbx.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

type Step =
  | { do: "write"; samples: number }
  | { do: "advance" | "stall"; ms: number }
  | { do: "hold" | "resume" | "clear" };

const RATE = 8000;
const quietStep = fc.constantFrom<Step>({ do: "hold" }, { do: "resume" });
const write = fc.record({
  do: fc.constant("write" as const),
  samples: fc.oneof(fc.constant(160), fc.integer({ min: 1, max: 500 })),
});
const advance = fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 400 }) });
const stall = fc.record({ do: fc.constant("stall" as const), ms: fc.integer({ min: 1, max: 700 }) });
const kept = fc.array(fc.oneof(write, write, write, advance, quietStep), { maxLength: 60 });
const anything = fc.array(
  fc.oneof(write, write, write, advance, stall, quietStep, fc.constant<Step>({ do: "clear" })),
  { maxLength: 60 },
);
/** As FreeSWITCH has it, as one would have it, and as Asterisk has it. */
const lead = fc.constantFrom(
  { leadMs: 0 },
  { leadMs: 20 },
  { leadMs: 100 },
  { leadMs: 100, batch: { speech: 3, comfort: 5 } },
  { leadMs: 100, batch: { speech: 5, comfort: 2 } },
);

/** One call: every sample that is written is a number of its own, so that none can be lost or doubled unseen. */
function callWith(side: { leadMs: number; batch?: Batch }) {
  const clock = new VirtualClock();
  const pbx = new PromptPbx(clock);
  const playout = new Playout({
    clock,
    rate: RATE,
    ...side,
    queueMs: 1000,
    sink: pbx,
    comfort: digitalSilence(RATE),
    sinkDelayMs: 0,
  });
  playout.start();
  let next = 1;
  const written: number[] = [];
  const take = (step: Step): void => {
    if (step.do === "write") {
      const pcm = Int16Array.from({ length: step.samples }, () => next++);
      const before = playout.dropped;
      playout.write({ pcm, rate: RATE });
      if (playout.dropped === before) written.push(...pcm);
    } else if (step.do === "advance") clock.advanceSync(step.ms);
    else if (step.do === "stall") clock.stall(step.ms);
    else playout[step.do]();
  };
  return { clock, pbx, playout, written, take };
}

describe("whatever the caller and the voice do", () => {
  test("every sample that is not cleared is heard exactly once, in order", () => {
    fc.assert(
      fc.property(lead, kept, (side, steps) => {
        const { clock, pbx, playout, written, take } = callWith(side);
        steps.forEach(take);
        playout.resume();
        clock.advanceSync(10_000);
        expect(pbx.heard).toEqual(written);
        expect(playout.heardMs).toBe(written.length / 8);
        playout.close();
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  test("what was heard is never more than was written, and never becomes less until it is cleared", () => {
    fc.assert(
      fc.property(lead, anything, (side, steps) => {
        const { playout, take } = callWith(side);
        let lastMs = 0;
        for (const step of steps) {
          const before = playout.heardMs;
          expect(before).toBeGreaterThanOrEqual(lastMs);
          if (step.do === "clear") {
            const cleared = playout.clear();
            expect(cleared).toBeGreaterThanOrEqual(before);
            // The frame that has begun is heard to its end.
            expect(cleared).toBeLessThanOrEqual(before + 20);
            expect(playout.heardMs).toBe(0);
          } else take(step);
          expect(playout.heardMs).toBeLessThanOrEqual(playout.writtenMs);
          lastMs = playout.heardMs;
        }
        playout.close();
      }),
      { numRuns: 400 },
    );
  });

  test("between a hold and its end nothing but comfort noise is sent, and that without a pause", () => {
    fc.assert(
      fc.property(lead, anything, fc.integer({ min: 60, max: 2000 }), (side, steps, ms) => {
        const { clock, pbx, playout, take } = callWith(side);
        steps.forEach(take);
        playout.hold();
        const from = pbx.sent.length;
        for (const step of steps) if (step.do === "write") take(step);
        clock.advanceSync(ms);
        const sent = pbx.sent.slice(from);
        expect(sent.every(({ pcm }) => isSilent(pcm))).toBe(true);
        // Some of it may have been there before.
        const before = side.batch?.comfort ?? 0;
        expect(sent.length).toBeGreaterThanOrEqual(Math.floor((ms - 40) / 20) - before);
        playout.close();
      }),
      { numRuns: 300 },
    );
  });

  test("no more than the lead is handed over before its time", () => {
    fc.assert(
      fc.property(lead, anything, (side, steps) => {
        const { clock, playout, pbx, take } = callWith(side);
        const latest: number[] = [];
        playout.onSent((_, playsAtMs) => latest.push(playsAtMs - clock.now()));
        steps.forEach(take);
        clock.advanceSync(1000);
        // After a clear the frame that had begun is played to its end, and the lead is counted behind it.
        expect(Math.max(0, ...latest)).toBeLessThanOrEqual(side.leadMs + 1);
        if (side.leadMs === 0) expect(pbx.sent.length).toBeLessThanOrEqual(clock.now() / 20 + 2);
        playout.close();
      }),
      { numRuns: 300 },
    );
  });
});
