import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tones } from "../../src/audio/tone.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { ANSWERS, type AskedFor, askedFor, heardBy, longestPause, REASON, stands } from "./asked-for.ts";
import { Pbx, PHONE_HZ, PROMPT_HZ } from "./pbx.ts";
import { longestSilence } from "./sip-peer.ts";

const AGENT_HZ = 1_900;
const SECOND_AGENT_HZ = 2_300;
const BRIEF_HZ = 3_100;
const BRIEF = "brief-1";

let pbx: Pbx;
let folder: string;
/** Whether a Sidetone shows that it is there. */
let up = true;
const beating = systemClock.every(500, () => {
  if (up) void pbx?.beat().catch(() => undefined);
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sidetone-briefs-"));
  await mkdir(join(folder, "briefs"));
  const pcm = tones({ hz: [BRIEF_HZ], ms: 400, rate: 8_000, levelDbov: -12 });
  await writeFile(join(folder, "briefs", `${BRIEF}.wav`), writeWav({ rate: 8_000, channels: [pcm] }));
  const extra = { "extensions.conf": "[sidetone-in]\nexten => 77,1,Goto(sidetone-override,s,1)" };
  pbx = await Pbx.start({
    extra,
    globals: { SIDETONE_BRIEF_DIR: join(folder, "briefs"), SIDETONE_KEY_S: "2", SIDETONE_OVERRIDE_PIN: "4711" },
  });
}, 180_000);
afterEach(async () => {
  up = true;
  await pbx.settle();
});
afterAll(async () => {
  beating.cancel();
  await pbx.stop();
  await rm(folder, { recursive: true, force: true });
});

type Wishes = Readonly<Record<string, string>>;

const first = ({ attempt }: Readonly<Record<string, string>>): boolean => attempt === "1";

/** A caller whom the agent puts through, and the moment in which it does. */
async function handedOver(target: string, wishes: Wishes) {
  await pbx.beat();
  const caller = await pbx.call({ to: "4930555" });
  const offer = await pbx.offer(first);
  const worker = await pbx.take(offer, AGENT_HZ);
  await caller.hears(AGENT_HZ);
  const set = (Variable: string, Value: string) =>
    pbx.monitor.action({ Action: "Setvar", Channel: offer.event.call ?? "", Variable, Value });
  for (const [name, value] of Object.entries({ ...wishes, SIDETONE_NEXT: target })) await set(name, value);
  pbx.monitor.events.length = 0;
  const atMs = systemClock.now();
  worker.stdin?.write("back\n");
  return { caller, worker, atMs };
}

const WARM: Wishes = {
  SIDETONE_BRIEF: BRIEF,
  SIDETONE_RING: "5",
  SIDETONE_WHY: "An invoice that is wrong",
  SIDETONE_ON_BUSY: "agent",
  SIDETONE_ON_NOANSWER: "agent",
};

const result = async (): Promise<string | undefined> =>
  (await pbx.monitor.event("the result", ({ UserEvent }) => UserEvent === "SidetoneTransfer")).result;

describe("a caller whom the agent hands to a human, with a brief", () => {
  test("the human alone hears it and takes the call with 1; the caller is never left in silence", async () => {
    const { caller, worker, atMs } = await handedOver("sales", WARM);
    const { sales } = pbx.phones;
    // Nothing from here on needs Sidetone.
    worker.kill("SIGKILL");
    await sales.hears(BRIEF_HZ);
    await sales.until(() => systemClock.now() - sales.answeredAtMs > 1_800, "the brief's end");
    expect([caller.timesHeard(BRIEF_HZ), caller.timesHeard(PHONE_HZ.sales)]).toEqual([0, 0]);
    caller.say(1_500);
    sales.press("1");
    const takenAtMs = await caller.hears(PHONE_HZ.sales);
    await sales.hears(1_500);
    expect(longestSilence(caller, atMs, takenAtMs)).toBeLessThan(1_000);
    const invite = sales.requests.find(({ method }) => method === "INVITE")?.text ?? "";
    expect(invite).toMatch(/^From: "An invoice that is wrong" <sip:\+4930123456@/m);
    expect(invite).toMatch(/^X-Sidetone-Reason: An invoice that is wrong\r?$/m);
    expect(await result()).toBe("taken");
    sales.hangUp();
    await caller.ended();
  });

  test.each([
    ["refuses with 2", "2", "refused"],
    ["hangs up on the brief", "hang up", "refused"],
    ["is busy", "486 Busy Here", "busy"],
    ["does not answer", "ring", "noanswer"],
  ])("a human who %s: the agent has the caller again, and knows why", async (_how, does, why) => {
    const { sales } = pbx.phones;
    if (does === "ring" || does.startsWith("4")) sales.whenCalled = does;
    const { caller, atMs } = await handedOver("sales", { ...WARM, SIDETONE_RING: "1" });
    if (does === "2" || does === "hang up") await sales.hears(BRIEF_HZ);
    if (does === "2") sales.press("2");
    if (does === "hang up") sales.hangUp();
    const again = await pbx.offer(first);
    await pbx.take(again, SECOND_AGENT_HZ);
    const backAtMs = await caller.hears(SECOND_AGENT_HZ);
    expect(longestSilence(caller, atMs, backAtMs)).toBeLessThan(1_000);
    const returned = { Action: "Getvar", Channel: again.event.call ?? "", Variable: "SIDETONE_RETURNED" };
    expect((await pbx.monitor.action(returned)).Value).toBe(`sales/${why}`);
    expect(await result()).toBe(why);
  });

  test("with Sidetone dead meanwhile, a refusal is the menu, at once", async () => {
    const { sales } = pbx.phones;
    const { caller, worker } = await handedOver("sales", WARM);
    worker.kill("SIGKILL");
    await sales.hears(BRIEF_HZ);
    up = false;
    await pbx.beat(0);
    const atMs = systemClock.now();
    sales.press("2");
    expect((await caller.hears(PROMPT_HZ.unavailable)) - atMs).toBeLessThan(1_000);
    await caller.hears(PROMPT_HZ.menu);
  });

  test("a caller who hangs up during the brief leaves nobody behind", async () => {
    const { caller } = await handedOver("sales", WARM);
    const { sales } = pbx.phones;
    await sales.hears(BRIEF_HZ);
    caller.hangUp();
    await sales.ended();
  });

  test("without a brief of its own the human hears the fixed one; without an answer the caller leaves it at the menu", async () => {
    const { sales } = pbx.phones;
    const { caller } = await handedOver("sales", { SIDETONE_BRIEF: "-", SIDETONE_ON_NOANSWER: "menu" });
    await sales.hears(PROMPT_HZ.brief);
    sales.press("5");
    await caller.hears(PROMPT_HZ.unavailable);
    await caller.hears(PROMPT_HZ.menu);
  });
});

describe("the feature code", () => {
  test("closes for who knows the PIN, and for nobody else", async () => {
    await pbx.beat();
    const stranger = await pbx.call({ to: "77" });
    await stranger.answered();
    stranger.press("000000000000");
    await stranger.ended();
    const caller = await pbx.call({ to: "77" });
    await caller.answered();
    caller.press("47112");
    await caller.ended();
    const told = pbx.monitor.events.filter(({ UserEvent }) => UserEvent === "SidetoneOverride");
    expect(told.map(({ state }) => state)).toEqual(["closed"]);
    expect(JSON.stringify(told)).not.toContain("4711");
  });
});

describe("a caller who asks a scripted agent for a person", () => {
  const NUMBER = "+4930123456";
  let asked: AskedFor;
  let leg: CallLeg;
  let signal: AbortSignal;
  beforeAll(async () => {
    asked = await askedFor(pbx.asterisk, NUMBER);
  }, 120_000);
  afterEach(async () => {
    await leg?.hangUp();
    await pbx.settle();
  });
  afterAll(() => asked?.[Symbol.asyncDispose]());

  const heard = (sound: Int16Array, sinceMs: number) =>
    heardSound(leg, { sound, sinceMs, withinMs: 20_000, clock: systemClock, signal });
  const tone = (hz: number): Int16Array => tones({ hz: [hz], ms: 500, rate: 8_000, levelDbov: -12 });

  /** Asks for the human, and resolves with the moment in which the human's telephone rings. */
  async function asks(): Promise<number> {
    const { sales } = pbx.phones;
    const rings = () => sales.requests.find(({ method }) => method === "INVITE");
    await leg.say(framesOf(asked.wish), { signal });
    await sales.until(() => rings() !== undefined, "a call to the human");
    return rings()?.atMs ?? 0;
  }

  test("is back in the same conversation when nobody answers, and with the human who has heard the brief and pressed 1", async () => {
    const { caller, brief, back, records } = asked;
    const { sales } = pbx.phones;
    signal = AbortSignal.timeout(80_000);
    leg = await caller.call("4930555", { codec: "ulaw", signal });
    await leg.answered;
    await leg.heard.sound({ signal });
    await leg.heard.silence({ ms: 600, signal });

    sales.whenCalled = "ring";
    const rungMs = await asks();
    const backMs = await heard(back, rungMs);
    expect(backMs, "the agent, who says that nobody answered").toBeDefined();
    expect(longestPause(leg, rungMs, backMs ?? 0)).toBeLessThan(1_000);
    await leg.heard.silence({ ms: 900, signal });

    sales.reset();
    // As humans do: on a busy machine the voice needs a moment as well, and who is quicker than it hears the fixed brief.
    sales.ringsMs = 1_500;
    const againMs = await asks();
    const hears = () =>
      stands(brief, heardBy(sales)) ? "its own brief" : `${sales.timesHeard(PROMPT_HZ.brief)} fixed ones`;
    await expect.poll(hears, { timeout: 20_000, interval: 200 }).toBe("its own brief");
    const human = tone(PHONE_HZ.sales);
    const before = leg.recordings.received.samples({ fromMs: againMs });
    expect([brief, human].map((sound) => stands(sound, before))).toEqual([false, false]);
    sales.press("1");
    const takenMs = await heard(human, againMs);
    expect(takenMs, "the human").toBeDefined();
    expect(longestPause(leg, againMs, takenMs ?? 0)).toBeLessThan(1_000);
    void leg.say(framesOf(tone(1_500)));
    await sales.hears(1_500);
    await leg.hangUp();

    await expect.poll(async () => (await records()).length, { timeout: 15_000 }).toBe(2);
    const [first, second] = await records();
    expect([first?.next, second?.next]).toMatchObject([
      { next: "transfer", target: "sales", result: "noanswer" },
      { next: "transfer", target: "sales", result: "taken" },
    ]);
    expect(second?.id).toBe(`${first?.id}-2`);
    const said = [first, second].map((record) => record?.turns.map(({ agent }) => agent).join(" "));
    expect(said[0]).toContain(ANSWERS[0]);
    // Of a list of answers each comes in its turn: the second one, where the words before the transfer are known.
    expect(said[1]).toContain(ANSWERS[1]);
    expect(second?.notes.join(" ")).toContain(`It is about: ${REASON}.`);
  }, 120_000);
});
