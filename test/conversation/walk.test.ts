import { expect, test } from "vitest";
import { PhoneCall } from "./phone-call.ts";

const ACTIONS = 25;

function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

async function disturb(call: PhoneCall, pick: (below: number) => number): Promise<void> {
  const disturbances: (() => Promise<unknown> | undefined)[] = [
    () => call.say(["when are you open", "stop", "mm-hm", "and", "a human please"][pick(5)] ?? ""),
    () => call.noise(40 + pick(1_200), [500, 2_000, 9_000][pick(3)]),
    () => void call.leg.press("0123456789*#"[pick(12)] ?? "1"),
    () => call.wait(pick(4_000)),
    () => call.wait(pick(60)),
    () =>
      void call.ear.emit(["stop", "", "open", "hello hello"][pick(4)] ?? "", {
        final: pick(2) === 0,
        turnEnd: pick(4) === 0,
      }),
    () => {
      call.leg.events.push({ type: "held" });
      call.leg.events.push({ type: "resumed" });
      if (pick(2)) call.leg.events.push({ type: "resumed" });
      return undefined;
    },
    () => {
      call.ear.finalMs = pick(900);
      call.model.firstMs = pick(900);
      call.voice.firstMs = pick(400);
      return undefined;
    },
  ];
  await disturbances[pick(disturbances.length)]?.();
}

test("whatever callers do, and whenever: the agent answers in the end, and the call is given back once", async () => {
  for (let seed = 1; seed <= 120; seed += 1) {
    const pick = seeded(seed);
    const call = await new PhoneCall().start({}, { turns: 500 });
    for (let action = 0; action < ACTIONS && call.next === undefined; action += 1) await disturb(call, pick);
    // Nobody does anything any more: the agent says something within its patience, then the menu has the call.
    call.ear.finalMs = 20;
    if (call.next === undefined) {
      const from = call.clock.now();
      await call.wait(25_000);
      expect(call.next !== undefined || (call.soundAfter(from) ?? 0) > 0, `seed ${seed} falls silent`).toBe(true);
      await call.wait(60_000);
    }
    expect(call.next, `seed ${seed} has no end`).toBeDefined();
    expect(call.turns.map(({ index }) => index)).toEqual(call.turns.map((_, index) => index));
    expect(await call.end(), `seed ${seed} leaves timers`).toBe(0);
  }
});
