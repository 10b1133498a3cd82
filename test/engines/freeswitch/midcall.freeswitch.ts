import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { MediaStream } from "../../../src/audio/stream.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Leg } from "../../../src/call/engine.ts";
import { type Running, until, watchEngine } from "../asterisk/support.ts";
import { MENU_HZ, SALES_HZ } from "../contract.ts";
import { Line } from "../line.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";
import { type PhoneOptions, SipPhone } from "../sip-phone.ts";

// What people do to a call in the middle of it, while it is lent, on a real FreeSWITCH.
const AGENT_HZ = 440;
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

const roomIn = (media: MediaStream, signal: AbortSignal): Promise<boolean> =>
  media.room(signal).then(
    () => true,
    () => false,
  );

async function speakForEver(media: MediaStream, signal: AbortSignal, hz = AGENT_HZ): Promise<void> {
  const samples = media.rate / 50;
  for (let at = 0; !signal.aborted; at += samples) {
    const pcm = Int16Array.from({ length: samples }, (_, index) =>
      Math.round(8000 * Math.sin((2 * Math.PI * hz * (at + index)) / media.rate)),
    );
    // The wait ends with the call, or before it when its sound is stopped.
    if (!media.write({ pcm, rate: media.rate }) && !(await roomIn(media, signal))) return;
  }
}

const hears = ({ line }: SipPhone, hz: number, what: string): Promise<void> =>
  line.until(() => line.share(hz) > 0.9, what);

const packets = ({ line }: SipPhone, count: number): Promise<void> => {
  const until = line.packets + count;
  return line.until(() => line.packets >= until, `${count} packets more`, 8000);
};

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

  test("whose caller calls himself a command, with quotes and commas, is as any other", async () => {
    const talk = await talking({ fromName: 'Zoë \\"Ann\\", O\'Hara; $\\{system touch /tmp/sidetone-pwned}' });
    // FreeSWITCH itself takes the dollar away from what would be a variable.
    expect(talk.leg.fromName.replaceAll("\\", "")).toBe('Zoë "Ann", O\'Hara; %{system touch /tmp/sidetone-pwned}');
  });
});
