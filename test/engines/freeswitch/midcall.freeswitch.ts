import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { MediaStream } from "../../../src/audio/stream.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Leg } from "../../../src/call/engine.ts";
import { type Running, until, watchEngine } from "../asterisk/support.ts";
import { MENU_HZ, SALES_HZ } from "../contract.ts";
import { Line } from "../line.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";
import { type PhoneOptions, SipPhone } from "../sip-phone.ts";
import { AGENT_HZ, speakForEver } from "./speaker.ts";
import { hears, packets } from "./talk.ts";

// What people do to a call in the middle of it, while it is lent, on a real FreeSWITCH.
const CALLER_HZ = 700;
const OTHER_HZ = 1200;
/** No G.711 carries it. */
const WIDE_HZ = 5500;
/** Longer than any timer that could pull the caller away. */
const LONG_PACKETS = 160;

const pbx = new RealFreeswitch("auto");
let desk: Running;
const phones: SipPhone[] = [];

beforeAll(() => pbx.start());
afterAll(() => pbx.stop());
beforeEach(async () => {
  desk = watchEngine(pbx.createEngine());
  await until(() => desk.engine.health.state === "connected", "the connection");
});
afterEach(async () => {
  for (const phone of phones.splice(0)) phone.hangUp();
  await desk.stop();
  await pbx.pbx.cli("hupall");
});

interface Talk {
  readonly phone: SipPhone;
  readonly leg: Leg;
  readonly media: MediaStream;
}

/** A phone that has called somebody and was answered. */
async function dialled(wishes: Partial<PhoneOptions> = {}): Promise<SipPhone> {
  const { trunkHost, ports } = pbx.pbx;
  const to = { port: ports.trunk, host: trunkHost, pbx: trunkHost, to: pbx.number };
  const phone = await SipPhone.dial({ ...to, from: "100", fromName: "Ann", codec: "ulaw", ...wishes });
  phones.push(phone);
  expect(await phone.answered).toBe(200);
  return phone;
}

/** A caller who hears an agent that never pauses. */
async function talking(wishes: Partial<PhoneOptions> = {}): Promise<Talk> {
  const next = desk.nextLeg();
  const phone = await dialled(wishes);
  const leg = await next;
  const media = await leg.openMedia();
  void speakForEver(media, leg.signal);
  await hears(phone, AGENT_HZ, "the agent");
  return { phone, leg, media };
}

/** Resolves when the agent hears this tone. */
function agentHears({ media }: Talk, hz: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const line = new Line(media.rate === 16_000 ? 16_000 : 8000);
  media.onFrame(({ pcm }) => {
    line.heardSamples(pcm);
    if (line.share(hz) > 0.9) resolve();
  });
  return promise;
}

/** Both directions, as at the beginning. */
async function bothHear(talk: Talk, hz: number): Promise<void> {
  const heard = agentHears(talk, hz);
  talk.phone.line.say(hz, 5000);
  await Promise.all([heard, hears(talk.phone, AGENT_HZ, "the agent")]);
}

const released = (leg: Leg): Promise<void> => until(() => leg.signal.aborted, "the end of the leg");

describe("a lent call", () => {
  test("that somebody parks stays parked, and is fetched from there", async () => {
    const { phone, leg } = await talking();
    await pbx.pbx.cli(`uuid_park ${leg.id}`);
    await released(leg);
    await expect(phone.line.until(() => phone.line.share(MENU_HZ) > 0.5, "the menu", 3000)).rejects.toThrow("the menu");
    await pbx.pbx.cli(`uuid_transfer ${leg.id} ${pbx.sales}`);
    await hears(phone, SALES_HZ, "sales");
  });

  test("that somebody joins with another stays joined with it: no timer pulls either of the two away", async () => {
    const [first, second] = [await talking(), await talking()];
    expect(await pbx.pbx.cli(`uuid_bridge ${first.leg.id} ${second.leg.id}`)).toMatch(/^\+OK/);
    await Promise.all([released(first.leg), released(second.leg)]);
    first.phone.line.say(CALLER_HZ, 6000);
    second.phone.line.say(OTHER_HZ, 6000);
    await Promise.all([hears(first.phone, OTHER_HZ, "the other"), hears(second.phone, CALLER_HZ, "the first")]);
    await packets(first.phone, LONG_PACKETS);
    expect(first.phone.line.share(OTHER_HZ)).toBeGreaterThan(0.9);
    expect(second.phone.line.share(CALLER_HZ)).toBeGreaterThan(0.9);
  });

  test("whose caller changes to another codec goes on: both hear each other", async () => {
    const talk = await talking();
    await bothHear(talk, CALLER_HZ);
    talk.phone.changeCodec("alaw");
    await packets(talk.phone, 60);
    await bothHear(talk, OTHER_HZ);
    expect(talk.leg.signal.aborted).toBe(false);
  });

  test.each([
    ["with music", true],
    ["in silence, without a packet", false],
  ])("that is held for long %s comes back as it was", { timeout: 30_000 }, async (_, music) => {
    const talk = await talking();
    talk.phone.hold();
    talk.phone.silent = !music;
    if (music) talk.phone.line.say(OTHER_HZ, 60_000);
    else talk.phone.line.say(0, 0);
    // Longer than any limit on how old sound may be, and than the timer that pulls calls away.
    await systemClock.sleep(4000);
    expect(talk.leg.signal.aborted).toBe(false);
    talk.phone.silent = false;
    talk.phone.unhold();
    await bothHear(talk, CALLER_HZ);
  });

  test("that the PBX itself puts on hold, with music of its own, comes back as it was", async () => {
    const talk = await talking();
    await pbx.pbx.cli(`uuid_setvar ${talk.leg.id} hold_music tone_stream://%(60000,0,${OTHER_HZ})`);
    expect(await pbx.pbx.cli(`uuid_hold ${talk.leg.id}`)).toMatch(/^\+OK/);
    // Longer than the timer that pulls calls away. FreeSWITCH plays its music to a bridged party alone: here nothing comes.
    await systemClock.sleep(3000);
    expect(talk.leg.signal.aborted).toBe(false);
    expect(await pbx.pbx.cli(`uuid_hold off ${talk.leg.id}`)).toMatch(/^\+OK/);
    await bothHear(talk, CALLER_HZ);
  });

  test("whose caller's phone asks for a transfer of it, which has nobody to be transferred, goes on", async () => {
    const talk = await talking();
    talk.phone.refer("sales");
    await until(() => talk.phone.notified.length > 0, "an answer to the transfer");
    await bothHear(talk, CALLER_HZ);
  });

  test("wideband stays wideband: what only 16 kHz can carry is heard on both sides", async () => {
    const next = desk.nextLeg();
    const phone = await dialled({ codec: "l16" });
    const leg = await next;
    const media = await leg.openMedia();
    expect(media.rate).toBe(16_000);
    void speakForEver(media, leg.signal, WIDE_HZ);
    await hears(phone, WIDE_HZ, "the agent");
    const heard = agentHears({ phone, leg, media }, WIDE_HZ + 700);
    phone.line.say(WIDE_HZ + 700, 5000);
    await heard;
  });

  test.each([
    ["in Greek and Chinese", "Ζωή 陈小姐", "Ζωή 陈小姐"],
    ["with a line break in it, encoded", "Ann%0A%0Aapi uuid_kill all", "Ann api uuid_kill all"],
    ["with a folded line in it, which is one line to SIP", "Ann\r\n api uuid_kill all", undefined],
    ["with a comma and a semicolon", "Smith, Ann; uuid=1", "Smith, Ann; uuid=1"],
  ])("whose caller's name is %s goes on, and is told as one line", async (_, fromName, told) => {
    const talk = await talking({ fromName });
    if (told !== undefined) expect(talk.leg.fromName).toBe(told);
    expect(talk.leg.fromName).not.toMatch(/[\r\n]/);
    // Whatever is ordered for this call is ordered for this call.
    await bothHear(talk, CALLER_HZ);
    await talk.leg.giveBack({ next: "transfer", target: "sales" });
    await hears(talk.phone, SALES_HZ, "sales");
  });

  test("whose caller calls himself a command, with quotes and commas, is as any other", async () => {
    const talk = await talking({ fromName: 'Zoë \\"Ann\\", O\'Hara; $\\{system touch /tmp/sidetone-pwned}' });
    // FreeSWITCH itself takes the dollar away from what would be a variable.
    expect(talk.leg.fromName.replaceAll("\\", "")).toBe('Zoë "Ann", O\'Hara; %{system touch /tmp/sidetone-pwned}');
  });
});
