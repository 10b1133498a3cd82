import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { RunningAsterisk } from "../../deploy/engines/asterisk.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { IncomingCall } from "../../src/caller/incoming.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { Phone, type PhoneOptions } from "../../src/caller/phone.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { lossyRelay } from "./lossy-relay.ts";
import { phoneOf, startPbx } from "./real-pbx.ts";
import { tone } from "./support.ts";

let pbx: RunningAsterisk;
beforeAll(async () => {
  pbx = await startPbx();
}, 120_000);
afterAll(async () => await pbx?.stop());

const soon = (): AbortSignal => AbortSignal.timeout(5_000);

describe.each(["ws", "udp"] as const)("a phone on a real Asterisk, by %s", (transport) => {
  const phones: Phone[] = [];
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.stop()));
  });
  async function start(name = "ann", options: Partial<PhoneOptions> = {}): Promise<Phone> {
    const phone = phoneOf(pbx, name, transport, options);
    phones.push(phone);
    await phone.start();
    return phone;
  }
  async function answered(target: string, options: Parameters<Phone["call"]>[1] = {}): Promise<CallLeg> {
    const leg = await (await start()).call(target, options);
    await leg.answered;
    return leg;
  }

  test("the caller registers, and unregisters when it stops", async () => {
    const phone = await start();
    await phone.register();
    expect(await pbx.cli("pjsip show contacts")).toContain("ann/sip:");
    await phone.stop();
    expect(await pbx.cli("pjsip show contacts")).not.toContain("ann/sip:");
  });

  test.each(["ulaw", "alaw"] as const)(
    "an echo of the caller's %s tone comes back at once and as loud",
    async (codec) => {
      const leg = await answered("echo", { codec });
      const said = await leg.say(framesOf(tone(500)));
      await leg.heard.silence({ ms: 200, signal: soon() });
      expect(leg.codec).toBe(codec);
      expect(said).toMatchObject({ packets: 25, underruns: 0, stopped: false });
      const [spell] = leg.heard.spells;
      expect((spell?.startMs ?? 0) - (said.firstSoundMs ?? 0)).toBeLessThan(60);
      const levels = [...leg.log.packets({ direction: "received" })].map(({ levelDbov }) => levelDbov);
      const loud = levels.filter((level) => level > -45);
      expect(loud.length).toBeGreaterThanOrEqual(24);
      expect(loud[12]).toBeCloseTo(-15, 0);
      expect(leg.faults).toEqual({ late: 0, refused: 0, strangers: 0, unsent: 0 });
      expect(await leg.hangUp()).toMatchObject({ by: "us", cause: "normal" });
    },
  );

  test.each(["rfc4733", "info"] as const)("the PBX reads keys pressed by %s", async (method) => {
    await pbx.cli("dialplan set global KEYS_READ none");
    const leg = await answered("read");
    await leg.press("12*4", { method });
    expect(await leg.ended).toMatchObject({ by: "them", cause: "normal" });
    expect(await pbx.cli("dialplan show globals")).toContain("KEYS_READ=12*4");
  });

  test("keys pressed in-band come back as they were sent, tones and pauses", async () => {
    const leg = await answered("echo");
    const pressed = await leg.press("58", { method: "inband", toneMs: 100, gapMs: 400 });
    await leg.heard.silence({ ms: 300, signal: soon() });
    expect(pressed.map(({ digit, startMs, endMs }) => [digit, Math.round((endMs - startMs) / 20)])).toEqual([
      ["5", 5],
      ["8", 5],
    ]);
    expect(leg.heard.spells).toHaveLength(2);
  });

  test("keys that the PBX presses are heard", async () => {
    const leg = await answered("keys");
    await leg.ended;
    expect(leg.digits.map(({ digit }) => digit).join("")).toBe("1*#");
  });

  test("no sound flows while the caller holds, and it flows again afterwards", async () => {
    const leg = await answered("echo");
    await leg.say(framesOf(tone(100)));
    await leg.heard.silence({ ms: 300, signal: soon() });
    await leg.hold();
    const fromMs = leg.nowMs() + 50;
    await systemClock.sleep(250);
    expect([...leg.log.packets({ fromMs })]).toEqual([]);
    await leg.unhold();
    const said = await leg.say(framesOf(tone(200)));
    await leg.heard.sound({ sinceMs: said.startMs ?? 0, signal: soon() });
  });

  test("what is played before the answer is heard", async () => {
    const leg = await (await start()).call("early");
    await leg.heard.sound({ signal: soon() });
    expect(leg.times.answeredMs).toBeUndefined();
    await leg.answered;
  });

  test("the PBX hangs up", async () => {
    const leg = await answered("bye");
    expect(await leg.ended).toMatchObject({ by: "them", cause: "normal" });
  });

  test("a caller who gives up is not connected any more", async () => {
    const leg = await (await start()).call("ring");
    await expect.poll(() => leg.times.ringingMs).toBeDefined();
    expect(await leg.hangUp()).toMatchObject({ by: "us", cause: "cancelled" });
    await expect.poll(() => pbx.cli("core show channels count")).toContain("0 active channels");
  });

  test("nobody answers in time", async () => {
    const leg = await (await start()).call("ring", { answerMs: 200 });
    await expect(leg.answered).rejects.toMatchObject({ code: "noAnswer" });
  });

  test.each([
    ["busy", "busy", "486"],
    ["no-such-number", "notFound", "404"],
  ])("calling %s says %s", async (target, code, status) => {
    const leg = await (await start()).call(target);
    await expect(leg.answered).rejects.toMatchObject({ code, message: expect.stringContaining(status) });
    expect(await leg.ended).toMatchObject({ by: "them", cause: code, status: Number(status) });
  });

  test("a wrong password is told as such, for a registration and for a call", async () => {
    const phone = await start("ann", { password: "wrong" });
    const refused = { code: "unauthorised", message: expect.stringContaining("user name and the password (401") };
    await expect(phone.register()).rejects.toMatchObject(refused);
    const leg = await phone.call("echo");
    await expect(leg.answered).rejects.toMatchObject(refused);
  });

  test("a phone is called, answers, hears the caller, and hangs up", async () => {
    const bob = await start("bob");
    await bob.register();
    const incoming = new Promise<IncomingCall>((resolve) => bob.onIncoming(resolve));
    const ann = await start();
    const leg = await ann.call("bob", { displayName: 'O\'Brien, "Ann"' });
    const call = await incoming;
    await call.ring();
    await expect.poll(() => leg.times.ringingMs).toBeDefined();
    const bobsLeg = await call.answer();
    await leg.answered;
    expect(call.from).toBe("ann");
    await Promise.all([leg.say(framesOf(tone(200))), bobsLeg.heard.sound({ signal: soon() })]);
    await bobsLeg.hangUp();
    expect(await leg.ended).toMatchObject({ by: "them" });
  });

  test("a phone that refuses is busy, and a caller who gives up takes the ringing back", async () => {
    const bob = await start("bob");
    await bob.register();
    bob.onIncoming((call) => void call.refuse());
    const ann = await start();
    const refused = await ann.call("bob");
    await expect(refused.answered).rejects.toMatchObject({ code: "busy" });
    const incoming = new Promise<IncomingCall>((resolve) => bob.onIncoming(resolve));
    const leg = await ann.call("bob");
    const call = await incoming;
    await call.ring();
    await leg.hangUp();
    await expect.poll(() => call.signal.aborted).toBe(true);
  });

  test("the signal hangs up", async () => {
    const gone = new AbortController();
    const leg = await answered("echo", { signal: gone.signal });
    gone.abort();
    expect(await leg.ended).toMatchObject({ by: "us" });
  });

  test("a process whose phone has stopped ends by itself: no socket, no timer is left", async () => {
    const { password, wsUrl } = pbx.phones[0] ?? { password: "", wsUrl: "" };
    const address =
      transport === "ws" ? { transport, url: wsUrl } : { transport, host: "127.0.0.1", port: pbx.ports.sip };
    const program = join(import.meta.dirname, "fixtures/one-call.ts");
    const options = JSON.stringify({ pbx: address, user: "ann", password });
    const { stdout } = await promisify(execFile)(process.execPath, [program, options], { timeout: 8_000 });
    expect(stdout).toBe("answered\nstopped\n");
  });
});

test("over UDP that loses the first copy of every message, calls come about and end", async () => {
  const lossy = await lossyRelay(pbx.ports.sip);
  onTestFinished(() => lossy.close());
  const { password } = pbx.phones[0] ?? { password: "" };
  const options: PhoneOptions = {
    pbx: { transport: "udp", host: "127.0.0.1", port: lossy.port },
    user: "ann",
    password,
    domain: "127.0.0.1",
  };
  const phone = new Phone(options, { clock: systemClock, log: silentLog });
  onTestFinished(() => phone.stop());
  await phone.start();
  await phone.register();
  const leg = await phone.call("echo");
  await leg.answered;
  expect(await leg.hangUp()).toMatchObject({ by: "us", cause: "normal" });
  expect(lossy.lost).toBeGreaterThan(5);
  await expect.poll(() => pbx.cli("core show channels count"), { timeout: 5_000 }).toContain("0 active channels");
}, 120_000);

test.each(["ws", "udp"] as const)(
  "a PBX that hangs does not hold a caller up who wants to go, by %s",
  async (transport) => {
    const hanging = await startPbx();
    onTestFinished(async () => {
      hanging.kill("SIGKILL");
      await hanging.stop();
    });
    const { password, wsUrl } = hanging.phones[0] ?? { password: "", wsUrl: "" };
    const address = { ws: { transport, url: wsUrl }, udp: { transport, host: "127.0.0.1", port: hanging.ports.sip } };
    const options = JSON.stringify({ pbx: address[transport], user: "ann", password });
    const program = join(import.meta.dirname, "fixtures/one-call.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [program, options, String(hanging.pid)], {
      timeout: 8_000,
    });
    expect(stdout).toBe("answered\nstopped\n");
  },
  30_000,
);

test("a call ends by itself when the PBX dies", async () => {
  const dying = await startPbx();
  onTestFinished(() => dying.stop());
  const phone = phoneOf(dying, "ann", "ws");
  onTestFinished(() => phone.stop());
  await phone.start();
  const leg = await phone.call("echo");
  await leg.answered;
  dying.kill("SIGKILL");
  expect(await leg.ended).toMatchObject({ by: "network", cause: "unreachable" });
  await expect(phone.call("echo")).rejects.toMatchObject({ code: "unreachable" });
}, 120_000);
