import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { MediaStream } from "../../../src/audio/stream.ts";
import type { Leg } from "../../../src/call/engine.ts";
import { type Running, until, watchEngine } from "../asterisk/support.ts";
import { MENU_HZ, SALES_HZ } from "../contract.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";
import { SipPhone } from "../sip-phone.ts";

// What people do to a call in the middle of it, while it is lent, on a real FreeSWITCH.
const AGENT_HZ = 440;
const CALLER_HZ = 700;
const OTHER_HZ = 1200;
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
}

/** A caller who hears an agent that never pauses. */
async function talking(): Promise<Talk> {
  const next = desk.nextLeg();
  const { trunkHost, ports } = pbx.pbx;
  const to = { port: ports.trunk, host: trunkHost, pbx: trunkHost, to: pbx.number };
  const phone = await SipPhone.dial({ ...to, from: "100", fromName: "Ann", codec: "ulaw" });
  phones.push(phone);
  expect(await phone.answered).toBe(200);
  const leg = await next;
  const media = await leg.openMedia();
  void speakForEver(media, leg.signal);
  await hears(phone, AGENT_HZ, "the agent");
  return { phone, leg };
}

async function speakForEver(media: MediaStream, signal: AbortSignal): Promise<void> {
  const samples = media.rate / 50;
  for (let at = 0; !signal.aborted; at += samples) {
    const pcm = Int16Array.from({ length: samples }, (_, index) =>
      Math.round(8000 * Math.sin((2 * Math.PI * AGENT_HZ * (at + index)) / media.rate)),
    );
    // The wait ends with the call.
    if (!media.write({ pcm, rate: media.rate })) await media.room(signal).catch(() => {});
  }
}

const hears = ({ line }: SipPhone, hz: number, what: string): Promise<void> =>
  line.until(() => line.share(hz) > 0.9, what);

const packets = ({ line }: SipPhone, count: number): Promise<void> => {
  const until = line.packets + count;
  return line.until(() => line.packets >= until, `${count} packets more`, 8000);
};

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
});
