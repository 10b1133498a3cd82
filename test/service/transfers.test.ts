import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import type { Next } from "../../src/call/engine.ts";
import type { Returned } from "../../src/call/handover.ts";
import { type Course, type CourseEvent, type CourseWriter, courseOf } from "../../src/call/journal.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLiveCalls } from "../../src/server/live.ts";
import { Desk } from "../../src/service/desk.ts";
import { createGeneration } from "../../src/service/generation.ts";
import { Transfers } from "../../src/service/transfers.ts";
import { catalogue, Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";
import { FakeEar, FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeJournal } from "../fakes/journal.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { FakeModel } from "../fakes/model.ts";
import { FakeVoice } from "../fakes/voice.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const RING_S = 20;
const SALES: Next = {
  next: "transfer",
  target: "sales",
  handover: { ringSeconds: RING_S, reason: "An invoice", brief: "b1", onBusy: "agent", onNoAnswer: "agent" },
};

/** A leg as an engine lends it: for the second time, or back from a human. */
function legOf(clock: VirtualClock, more: { attempt?: number; returned?: Returned } = {}): FakeLeg {
  return Object.assign(new FakeLeg({ media: async () => new FakeMedia(clock) }), more);
}

function handed() {
  const clock = new VirtualClock();
  const forgotten: string[] = [];
  const journal = Object.assign(new FakeJournal(), { forget: ({ id }: { id: string }) => void forgotten.push(id) });
  const metrics = createMetrics();
  const transfers = new Transfers({ clock, log: silentLog, metrics, journal });
  const leg = legOf(clock);
  const counted = async () =>
    (await metrics.transfers.get()).values
      .map(({ labels, value }) => [labels.result, value])
      .filter(([, n]) => n !== 0);
  const given = (next: Next = SALES) => {
    transfers.expect(leg, next);
    return transfers.outcome(leg, next, "asterisk");
  };
  return { clock, transfers, leg, forgotten, counted, given };
}

test("a caller who is with a human does not come back: the words of the call are forgotten, and the record says who took it", async () => {
  const { clock, transfers, leg, given, forgotten, counted } = handed();
  const outcome = given();
  await clock.advance(5_000);
  transfers.told(leg.id, "taken");
  expect(await outcome).toEqual({ ...SALES, result: "taken" });
  expect(forgotten).toEqual([leg.id]);
  expect(await counted()).toEqual([["taken", 1]]);
  expect(clock.pending).toBe(0);
});

test.each(["busy", "noanswer", "refused", "unreachable"] as const)(
  "a caller for whom it was %s is expected back: the words stay",
  async (result) => {
    const { clock, transfers, leg, given, forgotten, counted } = handed();
    const outcome = given();
    transfers.told(leg.id, result);
    expect(await outcome).toEqual({ ...SALES, result });
    expect([forgotten, await counted()]).toEqual([[], [[result, 1]]]);
    expect(clock.pending).toBe(0);
  },
);

test("of a transfer that nobody tells about the record waits for as long as it may ring and be thought over, and then knows nothing", async () => {
  const { clock, given, forgotten, counted } = handed();
  let known: Next | undefined;
  void given()?.then((next) => {
    known = next;
  });
  await clock.advance(RING_S * 1000 + 59_000);
  expect(known).toBeUndefined();
  await clock.advance(2_000);
  expect(known).toEqual(SALES);
  expect([forgotten, await counted()]).toEqual([["leg-1"], []]);
});

test("what the dialplan says before anybody asks is not lost, and what it says twice counts once", async () => {
  const { transfers, leg, counted } = handed();
  transfers.expect(leg, SALES);
  transfers.told(leg.id, "busy");
  transfers.told(leg.id, "taken");
  transfers.told("another call", "taken");
  expect(await transfers.outcome(leg, SALES, "asterisk")).toEqual({ ...SALES, result: "busy" });
  expect(await counted()).toEqual([["busy", 1]]);
});

test("the second transfer of a call has an outcome of its own", async () => {
  const { clock, transfers, leg, given } = handed();
  const first = given();
  const second = given();
  transfers.told(leg.id, "taken");
  expect(await first).toEqual(SALES);
  expect(await second).toEqual({ ...SALES, result: "taken" });
  expect(clock.pending).toBe(0);
});

test("nothing is waited for where nobody is rung, and by nobody when the process ends", async () => {
  const { clock, transfers, given } = handed();
  expect(given({ next: "menu", reason: "closed" })).toBeUndefined();
  expect(given({ next: "transfer", target: "sales" })).toBeUndefined();
  const outcome = given();
  transfers.close();
  expect(await outcome).toEqual(SALES);
  expect(given()).toBeUndefined();
  expect(clock.pending).toBe(0);
});

/** A desk on whose journal stands what another worker has left of the call. */
function deskAfter(course: Course, how: "claim" | "takeBack") {
  const clock = new VirtualClock();
  const told: string[] = [];
  const writer: CourseWriter = {
    write: () => {},
    park: async () => void told.push("parked"),
    end: () => void told.push("ended"),
  };
  const mine = async () => ({ type: "mine", course, writer }) as const;
  const journal = Object.assign(new FakeJournal(), { [how]: mine });
  const model = new FakeModel(clock);
  const stages = { vad: new FakeVoiceActivity(), stt: new FakeEar(clock), llm: model, tts: new FakeVoice(clock) };
  const create = (module: { stage: string }) => () => stages[module.stage as keyof typeof stages] as never;
  const fakes = { ...catalogue, providers: catalogue.providers.map((one) => ({ ...one, create: create(one) })) };
  using folder = new Folder({ "sidetone.yaml": SOUND_SERVICE, "agents/reception.yaml": SOUND_AGENT });
  const config = loadConfig(folder.file, { catalogue: fakes, env: { ARI_PASSWORD: "x" } });
  const shared = { clock, log: silentLog, metrics: createMetrics() };
  const generation = createGeneration(config, { context: shared, ...shared, hintsOf: () => [] });
  const desk = new Desk({
    ...shared,
    ...{ callers: { admit: () => true }, briefs: { speak: () => undefined }, live: createLiveCalls(shared) },
    opening: { agentIsOpen: () => true, hoursOf: () => ({ open: true }) },
    store: { open: () => ({ append() {}, change() {}, close() {} }) },
    memories: { recall: async () => [], remember: () => {} },
    ...{ journal, generation: () => generation },
  });
  const giveBack = (leg: FakeLeg): FakeLeg => {
    const before = leg.giveBack.bind(leg);
    return Object.assign(leg, {
      giveBack: async (next: Next) => {
        told.push("given back");
        await before(next);
      },
    });
  };
  return { clock, desk, told, model, giveBack };
}

test("a worker that died on the way to a transfer: the next one hands the caller on, and has the words kept before the dialplan may lend the call again", async () => {
  const course = courseOf("reception", [
    { type: "asked", text: "sales please" },
    { type: "left", next: SALES },
  ]);
  const { clock, desk, told, giveBack } = deskAfter(course, "claim");
  const leg = giveBack(legOf(clock, { attempt: 2 }));
  const over = desk.onLeg(leg, "asterisk");
  await clock.advance(1_000);
  await over;
  expect(leg.given).toEqual([SALES]);
  expect(told).toEqual(["parked", "given back", "ended"]);
});

test("a caller who is back from a human talks on: what was said is known, and the old transfer is not made again", async () => {
  const events: CourseEvent[] = [
    { type: "asked", text: "I have an invoice" },
    { type: "heard", text: "I will put you through.", tools: [] },
  ];
  const { clock, desk, model, giveBack } = deskAfter(courseOf("reception", events), "takeBack");
  const leg = giveBack(legOf(clock, { returned: { target: "sales", why: "noanswer" } }));
  const over = desk.onLeg(leg, "asterisk");
  await clock.advance(8_000);
  expect(leg.given).toEqual([]);
  leg.press("5");
  leg.press("#");
  await clock.advance(3_000);
  const asked = JSON.stringify(model.asked.at(-1));
  expect(asked).toContain("I have an invoice");
  expect(asked).toContain("nobody answered at sales");
  leg.hangUp();
  await clock.advance(1_000);
  await over;
});
