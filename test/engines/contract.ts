import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Frame } from "../../src/audio/frame.ts";
import type { MediaStream } from "../../src/audio/stream.ts";
import type { Engine, Leg, LegEvent, Next } from "../../src/call/engine.ts";
import type { Line } from "./line.ts";

export interface CallWishes {
  readonly codec?: "ulaw" | "g722";
  readonly from?: string;
  readonly fromName?: string;
  readonly to?: string;
  readonly diversion?: string;
  /** How this caller's telephone sends keys. */
  readonly keys?: KeyMethod;
}

export type KeyMethod = "rfc4733" | "info" | "inband";

/** One caller of the PBX, as a person with a telephone. */
export interface TestCaller {
  /** What this caller says and hears. */
  readonly line: Line;
  /** Resolves when the PBX has hung up. */
  readonly ended: Promise<void>;
  press(digit: string, method: KeyMethod): void;
  hold(): void;
  unhold(): void;
  hangUp(): void;
  /** Sends nothing between words from now on. */
  suppressSilence(): void;
}

/** A PBX with Sidetone's dialplan. Its menu is a tone of MENU_HZ, the target "sales" one of SALES_HZ. */
export interface EngineHarness {
  readonly name: string;
  readonly keyMethods: readonly KeyMethod[];
  /** What is dialled for the agent, where it is not 3000. */
  readonly number?: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** An engine that is not running yet, for this PBX. */
  createEngine(): Engine;
  placeCall(wishes: CallWishes): Promise<TestCaller>;
  /** Cuts the connection over which the engine hears of calls. */
  cutControl(): void;
  /** How many channels the PBX still has. */
  channels(): Promise<number>;
}

export const MENU_HZ = 1000;
export const SALES_HZ = 600;
const AGENT_HZ = 440;
const CALLER_HZ = 700;

/** What every engine must do, said of callers. */
export function engineContract(createHarness: () => EngineHarness): void {
  const harness = createHarness();

  describe(`calls lent by ${harness.name}`, () => {
    let desk: Desk;

    beforeAll(() => harness.start());
    afterAll(() => harness.stop());
    beforeEach(async () => {
      desk = new Desk(harness);
      await desk.open();
    });
    afterEach(() => desk.close());

    test("the caller hears the agent, and the agent the caller", async () => {
      const { caller, media } = await desk.talk({});
      expect(media.rate).toBe(8000);
      const heard = toneHeard(media, CALLER_HZ);
      caller.line.say(CALLER_HZ, 1000);
      speak(media, AGENT_HZ, 600);
      await caller.line.until(() => caller.line.share(AGENT_HZ) > 0.9, "the agent");
      await heard;
    });

    test("a wideband caller stays wideband", async () => {
      const { media, leg } = await desk.talk({ codec: "g722" });
      expect([media.rate, leg.codec]).toEqual([16_000, "g722"]);
    });

    test("the agent knows who calls, whom, and how the call came", async () => {
      const number = harness.number ?? "3000";
      const wishes = { from: "+4930555", fromName: "Ann O'Hara, Ltd", to: number, diversion: "777" };
      const { leg } = await desk.talk(wishes);
      const { from, fromName, to, did, diversion, codec, direction, attempt } = leg;
      expect({ from, fromName, to, did, diversion, codec, direction, attempt }).toEqual({
        ...wishes,
        did: number,
        codec: "ulaw",
        direction: "inbound",
        attempt: 1,
      });
    });

    test("a caller who hangs up ends the leg", async () => {
      const { caller, leg } = await desk.talk({});
      caller.hangUp();
      await aborted(leg.signal);
      expect(leg.signal.reason).toBe("normal");
      await leg.giveBack({ next: "transfer", target: "sales" });
      await desk.whenIdle();
      expect(await collect(leg)).toEqual([]);
    });

    test("a transfer goes to the named target", async () => {
      const { caller, leg } = await desk.talk({});
      await leg.giveBack({ next: "transfer", target: "sales" });
      expect(leg.signal.aborted).toBe(true);
      await caller.line.until(() => caller.line.share(SALES_HZ) > 0.9, "sales");
    });

    test("a target that nobody knows goes to the menu", async () => {
      const { caller, leg } = await desk.talk({});
      await leg.giveBack({ next: "transfer", target: "nowhere" });
      await caller.line.until(() => caller.line.share(MENU_HZ) > 0.9, "the menu");
    });

    test("a name with a line break in it orders nothing and goes to the menu", async () => {
      const { caller, leg } = await desk.talk({});
      await leg.giveBack({ next: "transfer", target: "sales\r\nAction: Hangup" });
      await caller.line.until(() => caller.line.share(MENU_HZ) > 0.9, "the menu");
    });

    test("the first word about what comes next counts", async () => {
      const { caller, leg } = await desk.talk({});
      const words: Next[] = [{ next: "menu", reason: "test" }, { next: "hangup" }];
      await Promise.all(words.map((next) => leg.giveBack(next)));
      await caller.line.until(() => caller.line.share(MENU_HZ) > 0.9, "the menu");
    });

    test("a hang-up by the agent ends the call", async () => {
      const { caller, leg } = await desk.talk({});
      await leg.giveBack({ next: "hangup" });
      await caller.ended;
    });

    test.each(harness.keyMethods)("a key pressed by %s is one key", async (method) => {
      const { caller, leg } = await desk.talk({ keys: method });
      const digits = (async () => {
        let found = "";
        for await (const event of leg.events) {
          if (event.type === "dtmf") found += event.digit;
          if (found.endsWith("#")) return found;
        }
        return found;
      })();
      caller.press("5", method);
      await ticks(caller, 20);
      caller.press("#", method);
      expect(await digits).toBe("5#");
    });

    test("a caller who is put on hold and taken back is told", async () => {
      const { caller, leg } = await desk.talk({});
      const events = leg.events[Symbol.asyncIterator]();
      caller.hold();
      expect((await events.next()).value).toEqual({ type: "held" });
      caller.unhold();
      expect((await events.next()).value).toEqual({ type: "resumed" });
    });

    test("the agent is silent at once when it is cut off", async () => {
      const { caller, media } = await desk.talk({});
      speak(media, AGENT_HZ, 900);
      await caller.line.until(() => caller.line.share(AGENT_HZ) > 0.9, "the agent");
      const packets = caller.line.packets;
      const heardMs = media.clear();
      await caller.line.until(() => caller.line.quiet, "silence");
      // The window that must be quiet is five packets long.
      expect(caller.line.packets - packets).toBeLessThanOrEqual(8);
      expect(heardMs).toBeGreaterThan(60);
      expect(heardMs).toBeLessThan(600);
    });

    test("a reply that was held goes on from where it was", async () => {
      const { caller, media } = await desk.talk({});
      speak(media, AGENT_HZ, 400);
      speak(media, CALLER_HZ, 400);
      await caller.line.until(() => caller.line.share(AGENT_HZ) > 0.9, "the agent");
      media.hold();
      await caller.line.until(() => caller.line.quiet, "silence");
      media.resume();
      await caller.line.until(() => caller.line.share(AGENT_HZ) > 0.9, "the rest of the first half");
      await caller.line.until(() => caller.line.share(CALLER_HZ) > 0.9, "the second half");
      await media.drained(AbortSignal.timeout(3000));
      expect(media.heardMs).toBeCloseTo(800, 0);
    });

    test("a caller hears something, always", async () => {
      const { caller } = await desk.talk({});
      const before = caller.line.packets;
      await caller.line.until(() => caller.line.packets >= before + 25, "packets of comfort noise");
    });

    test("a caller who sends nothing between words is heard to be silent", async () => {
      const { caller, media } = await desk.talk({});
      const heard = toneHeard(media, CALLER_HZ);
      caller.suppressSilence();
      caller.line.say(CALLER_HZ, 400);
      await heard;
      await framesOf(media, 25, (frame) => frame.pcm.every((sample) => Math.abs(sample) < 100));
    });

    test("the agent's keys reach the far end", async () => {
      const { caller, leg } = await desk.talk({});
      await leg.sendDtmf("1*");
      await caller.line.until(() => caller.line.digits === "1*", "two digits");
      await expect(leg.sendDtmf("1,2")).rejects.toThrow(RangeError);
    });

    test("a call whose handling fails goes to the menu", async () => {
      desk.handle = () => Promise.reject(new Error("this agent is broken, on purpose"));
      const caller = await desk.call({});
      await caller.line.until(() => caller.line.share(MENU_HZ) > 0.9, "the menu");
    });

    test("on drain, new callers are in the menu, and running calls go on", async () => {
      const { caller, media } = await desk.talk({});
      desk.engine.drain();
      const second = await desk.call({});
      await second.line.until(() => second.line.share(MENU_HZ) > 0.9, "the menu");
      speak(media, AGENT_HZ, 400);
      await caller.line.until(() => caller.line.share(AGENT_HZ) > 0.9, "the agent");
      expect(desk.legs).toHaveLength(1);
    });

    test("when the engine stops, its calls are in the menu", async () => {
      const { caller, leg } = await desk.talk({});
      await desk.stop();
      await caller.line.until(() => caller.line.share(MENU_HZ) > 0.9, "the menu");
      expect(leg.signal.aborted).toBe(true);
    });

    test("a call outlives the loss of the control connection, and so does its end", async () => {
      const { caller, leg, media } = await desk.talk({});
      harness.cutControl();
      speak(media, AGENT_HZ, 400);
      await caller.line.until(() => caller.line.share(AGENT_HZ) > 0.9, "the agent");
      await desk.whenConnected();
      const second = await desk.talk({});
      second.caller.hangUp();
      await aborted(second.leg.signal);
      await leg.giveBack({ next: "transfer", target: "sales" });
      await caller.line.until(() => caller.line.share(SALES_HZ) > 0.9, "sales");
    });

    test("ten callers at once are ten legs, each with its own sound", async () => {
      const talks = await Promise.all(Array.from({ length: 10 }, (_, index) => desk.talk({ from: `1${index}00` })));
      await Promise.all(
        talks.map(async ({ caller, media, leg }) => {
          const hz = 400 + Number(leg.from);
          speak(media, hz / 2, 600);
          await caller.line.until(() => caller.line.share(hz / 2) > 0.8, `${hz / 2} Hz`);
        }),
      );
    });
  });
}

/** Runs an engine, takes its legs, and hands each to the test that called. */
class Desk {
  readonly engine: Engine;
  readonly legs: Leg[] = [];
  handle: (leg: Leg) => Promise<void> = (leg) => aborted(leg.signal);
  readonly #harness: EngineHarness;
  readonly #abort = new AbortController();
  readonly #callers: TestCaller[] = [];
  readonly #waiting: ((leg: Leg) => void)[] = [];
  #running: Promise<void> = Promise.resolve();
  #handling = 0;

  constructor(harness: EngineHarness) {
    this.#harness = harness;
    this.engine = harness.createEngine();
  }

  async open(): Promise<void> {
    this.#running = this.engine.run(async (leg) => {
      this.legs.push(leg);
      this.#waiting.shift()?.(leg);
      this.#handling++;
      await this.handle(leg).finally(() => this.#handling--);
    }, this.#abort.signal);
    await this.whenConnected();
  }

  whenConnected(): Promise<void> {
    return eventually(() => this.engine.health.state === "connected", `connected: ${this.engine.health.detail}`);
  }

  whenIdle(): Promise<void> {
    return eventually(() => this.#handling === 0, "no call handled");
  }

  async call(wishes: CallWishes): Promise<TestCaller> {
    const caller = await this.#harness.placeCall(wishes);
    this.#callers.push(caller);
    return caller;
  }

  async talk(wishes: CallWishes): Promise<{ caller: TestCaller; leg: Leg; media: MediaStream }> {
    const lent = new Promise<Leg>((resolve) => this.#waiting.push(resolve));
    const caller = await this.call(wishes);
    const leg = await lent;
    // Of several at once, who is whose is told by the number.
    const own = wishes.from === undefined ? leg : await this.#legFrom(wishes.from);
    return { caller, leg: own, media: await own.openMedia() };
  }

  async #legFrom(from: string): Promise<Leg> {
    await eventually(() => this.legs.some((leg) => leg.from === from), `a leg from ${from}`);
    const leg = this.legs.find((candidate) => candidate.from === from);
    if (!leg) throw new Error("it was there a moment ago");
    return leg;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async close(): Promise<void> {
    for (const caller of this.#callers) caller.hangUp();
    await eventually(async () => (await this.#harness.channels()) === 0, "no channel left in the PBX");
    await this.stop();
  }
}

async function eventually(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Packets that the caller hears are its clock. */
const ticks = (caller: TestCaller, count: number): Promise<void> => {
  const until = caller.line.packets + count;
  return caller.line.until(() => caller.line.packets >= until, `${count} packets`);
};

async function collect(leg: Leg): Promise<LegEvent[]> {
  const events: LegEvent[] = [];
  for await (const event of leg.events) events.push(event);
  return events;
}

/** Writes so much of a tone. */
function speak(media: MediaStream, hz: number, ms: number): void {
  const samples = media.rate / 50;
  for (let frame = 0; frame < ms / 20; frame++) {
    const pcm = Int16Array.from({ length: samples }, (_, index) =>
      Math.round(8000 * Math.sin((2 * Math.PI * hz * (frame * samples + index)) / media.rate)),
    );
    media.write({ pcm, rate: media.rate });
  }
}

/** Resolves when `count` frames in a row are as wanted. */
function framesOf(media: MediaStream, count: number, wanted: (frame: Frame) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let found = 0;
    const late = setTimeout(() => reject(new Error(`the agent waited in vain for ${count} frames`)), 4000);
    media.onFrame((frame) => {
      found = wanted(frame) ? found + 1 : 0;
      if (found < count) return;
      clearTimeout(late);
      media.onFrame(() => {});
      resolve();
    });
  });
}

/** Resolves when the agent hears ten frames of nothing but this tone. */
const toneHeard = (media: MediaStream, hz: number): Promise<void> =>
  framesOf(media, 10, ({ pcm, rate }) => {
    let [energy, real, imaginary] = [0, 0, 0];
    for (const [index, sample] of pcm.entries()) {
      energy += sample * sample;
      real += sample * Math.cos((2 * Math.PI * hz * index) / rate);
      imaginary += sample * Math.sin((2 * Math.PI * hz * index) / rate);
    }
    return energy / pcm.length > 10_000 && (2 * (real ** 2 + imaginary ** 2)) / (pcm.length * energy) > 0.9;
  });
