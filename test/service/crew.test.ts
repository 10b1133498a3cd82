import { describe, expect, test } from "vitest";
import { Crew } from "../../src/service/crew.ts";
import type { SiblingState } from "../../src/supervisor/protocol.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** So many workers, each knowing what the others have, as one supervisor has told them. */
function crews(calls: readonly number[], { callsPerWorker = 100, taking = calls.map(() => true) } = {}) {
  const clock = new VirtualClock();
  const own = [...calls];
  const states = (): SiblingState[] =>
    own.map((calls, index) => ({ slot: index + 1, pid: 100 + index, calls, taking: taking[index] ?? true }));
  const all = own.map(
    (_, index) =>
      new Crew({
        clock,
        pid: 100 + index,
        size: () => own.length,
        calls: () => own[index] ?? 0,
        taking: () => taking[index] ?? true,
        callsPerWorker: () => callsPerWorker,
        claim: async () => true,
      }),
  );
  const tell = (): void => {
    for (const crew of all) crew.update(states());
  };
  tell();
  return { all, own, tell, clock };
}

const turns = (all: readonly Crew[], call: string): number[] => all.map((crew) => crew.turnFor(call));

describe("a call that all workers hear of", () => {
  test("is the least loaded one's, and the others follow in order", () => {
    const { all } = crews([4, 1, 2]);
    expect(turns(all, "call-1")).toEqual([2, 0, 1]);
  });

  test("among equals is always one's alone, and not always the same one's", () => {
    const firsts = new Set<number>();
    for (let call = 0; call < 20; call++) {
      const { all } = crews([1, 1, 1]);
      const order = turns(all, `call-${call}`);
      expect([...order].sort()).toEqual([0, 1, 2]);
      firsts.add(order.indexOf(0));
    }
    expect(firsts.size).toBe(3);
  });

  test("in a burst, before anybody could tell what it has, is spread all the same", () => {
    const { all } = crews([0, 0, 0, 0]);
    const given = [0, 0, 0, 0];
    for (let call = 0; call < 40; call++) {
      const first = turns(all, `call-${call}`).indexOf(0);
      given[first] = (given[first] ?? 0) + 1;
    }
    expect(given).toEqual([10, 10, 10, 10]);
  });

  test("is not counted twice when its worker has told of it", async () => {
    const { all, own, tell, clock } = crews([0, 0]);
    const first = turns(all, "call-1").indexOf(0);
    own[first] = 1;
    tell();
    await clock.advance(300);
    own[1 - first] = 1;
    tell();
    const second = turns(all, "call-2");
    expect([...second].sort()).toEqual([0, 1]);
  });

  test("goes past those that are full; where all are, one is asked first, to refuse it", () => {
    expect(turns(crews([9, 10], { callsPerWorker: 10 }).all, "call")).toEqual([0, 1]);
    expect([...turns(crews([10, 10], { callsPerWorker: 10 }).all, "call")].sort()).toEqual([0, 1]);
    expect(turns(crews([30, 10, 9], { callsPerWorker: 10 }).all, "call")).toEqual([2, 1, 0]);
  });

  test("is nobody's who lets his calls end", () => {
    const { all } = crews([5, 0, 6], { taking: [true, false, true] });
    expect(all[0]?.turnFor("call")).toBe(0);
    expect(all[2]?.turnFor("call")).toBe(1);
  });
});

test("whoever has two calls more than another one, or no room while another has, is asked for none that came by chance", () => {
  const burdens = (calls: readonly number[], options = {}) => crews(calls, options).all.map(({ burden }) => burden);
  expect(burdens([4, 5, 6])).toEqual(["even", "even", "more"]);
  expect(burdens([4])).toEqual(["even"]);
  expect(burdens([10, 9, 10], { callsPerWorker: 10 })).toEqual(["full", "even", "full"]);
  expect(burdens([10, 10], { callsPerWorker: 10 })).toEqual(["even", "even"]);
  // Whose calls are ending has room for nobody.
  expect(burdens([6, 0], { taking: [true, false] })).toEqual(["even", "even"]);
});

test("the calls of all are what all have told, and this worker's own", () => {
  const { all, own } = crews([3, 4]);
  own[0] = 5;
  expect(all[0]?.calls).toBe(9);
  expect(all[0]?.othersTake).toBe(true);
  all[0]?.update([{ slot: 1, pid: 100, calls: 3, taking: true }]);
  expect(all[0]?.othersTake).toBe(false);
});

test("what was offered is this worker's if no other one of this host has it, and then if no other host has", async () => {
  const asked: string[] = [];
  const crew = new Crew({
    ...{
      clock: new VirtualClock(),
      pid: 1,
      size: () => 1,
      calls: () => 0,
      taking: () => true,
      callsPerWorker: () => 1,
    },
    claim: async (offer) => offer !== "a sibling's",
  });
  expect(await crew.claim("mine", true)).toBe(true);
  crew.betweenHosts = async (offer) => {
    asked.push(offer);
    return offer !== "another host's";
  };
  expect(await crew.claim("mine", true)).toBe(true);
  expect(await crew.claim("another host's", true)).toBe(false);
  expect(await crew.claim("a sibling's", true)).toBe(false);
  // What the PBX calls this host for is no other host's.
  expect(await crew.claim("another host's", false)).toBe(true);
  expect(asked).toEqual(["mine", "another host's"]);
});
