import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { FakeAsterisk } from "../../fakes/asterisk/fake-asterisk.ts";
import type { LentCall } from "../../fakes/asterisk/lent-call.ts";
import { optionsFor } from "../fake-harness.ts";
import { freePort } from "../free-port.ts";
import { connected, ended, type Running, readableLog, runEngine, until, watchedClock } from "./support.ts";

let pbx: FakeAsterisk;
let running: Running[];

const run = (...args: Parameters<typeof runEngine>): Running => {
  const one = runEngine(...args);
  running.push(one);
  return one;
};

beforeEach(async () => {
  pbx = new FakeAsterisk();
  running = [];
  await pbx.start();
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await pbx.stop();
});

describe("the administrator is told what is wrong and what to do", () => {
  test("a wrong ARI password, once and not every second, and the password is nowhere", async () => {
    const [clock, { log, lines }] = [watchedClock(), readableLog()];
    const options = optionsFor(pbx);
    pbx.ariPassword = "another";
    const { engine } = run(pbx, { options, clock, log });
    await until(() => engine.health.state === "refused", "a refusal");
    expect(engine.health.detail).toMatch(
      /refuses the ARI user "sidetone".*engines\.asterisk\.ari\.password.*ari\.conf/,
    );
    await until(() => clock.slept.includes(15_000), "a long wait");
    expect(pbx.connections).toHaveLength(1);
    expect(pbx.connections[0]?.path).not.toContain("secret");
    expect(lines.join()).not.toContain("secret");
    expect(lines.join()).not.toContain(pbx.connections[0]?.authorization);
    expect(pbx.globals.has("SIDETONE_BEAT")).toBe(false);
  });

  test("a wrong manager secret", async () => {
    const options = optionsFor(pbx);
    pbx.amiPassword = "another";
    const { engine } = run(pbx, { options });
    await until(() => engine.health.state === "refused", "a refusal");
    expect(engine.health.detail).toMatch(/refuses the manager user "sidetone".*manager\.conf/);
  });

  test("an Asterisk that is not running, and it is noticed when it is", async () => {
    await pbx.stopHttp();
    const one = run(pbx);
    await until(() => one.engine.health.detail.includes("Nothing listens"), "the news");
    expect(one.engine.health.state).toBe("connecting");
    expect(one.engine.health.detail).toMatch(/is Asterisk running.*http\.conf/);
    await pbx.startHttp();
    await connected(one);
  });

  test("an Asterisk that starts again, and knows no password for a moment, is asked again soon", async () => {
    const [clock, password] = [watchedClock(), pbx.ariPassword];
    const engine = run(pbx, { clock });
    await connected(engine);
    pbx.ariPassword = "not read yet";
    pbx.cutAri();
    await until(() => engine.engine.health.state === "refused", "a refusal");
    pbx.ariPassword = password;
    await connected(engine);
    expect(clock.slept).not.toContain(15_000);
  });

  test("an Asterisk that is too old, with the way that is left", async () => {
    pbx.version = "20.6.0~dfsg";
    const { engine } = run(pbx);
    await until(() => engine.health.state === "refused", "a refusal");
    expect(engine.health.detail).toMatch(/20\.6\.0.*too old.*20\.18, 22\.8, 23\.2.*SIDETONE_MEDIA=audiosocket/);
    expect(pbx.globals.has("SIDETONE_BEAT")).toBe(false);
  });

  test("an Asterisk without chan_websocket", async () => {
    pbx.modules.delete("chan_websocket.so");
    const { engine } = run(pbx);
    await until(() => engine.health.state === "refused", "a refusal");
    expect(engine.health.detail).toMatch(/has not loaded chan_websocket\.so: load it/);
  });

  test("an AudioSocket port that somebody else has", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    pbx.setGlobal("SIDETONE_MEDIA", "audiosocket");
    const { engine } = run(pbx, { options: optionsFor(pbx, port) });
    await until(() => engine.health.state === "refused", "a refusal");
    expect(engine.health.detail).toMatch(new RegExp(`127.0.0.1:${port} is taken.*engines.asterisk.audiosocket.port`));
    taken.close();
  });
});

describe("older versions", () => {
  test("where the websocket takes no requests, they go over HTTP", async () => {
    pbx.restOverWebsocket = false;
    pbx.version = "20.6.0";
    const port = await freePort();
    pbx.setGlobal("SIDETONE_MEDIA", "audiosocket");
    pbx.setGlobal("SIDETONE_AUDIOSOCKET", `127.0.0.1:${port}`);
    const one = run(pbx, { options: optionsFor(pbx, port) });
    await connected(one);
    const leg = one.nextLeg();
    pbx.dial({ from: "555" });
    expect((await leg).from).toBe("555");
  });
});

describe("the heartbeat", () => {
  test("goes on while calls are taken, and is 0 at once on drain", async () => {
    const one = run(pbx);
    await connected(one);
    await until(() => Math.abs(Number(pbx.globals.get("SIDETONE_BEAT")) - pbx.epoch()) <= 1, "a heartbeat");
    pbx.setGlobal("SIDETONE_BEAT", "1");
    await until(() => pbx.globals.get("SIDETONE_BEAT") !== "1", "the next");
    one.engine.drain();
    await until(() => pbx.globals.get("SIDETONE_BEAT") === "0", "its end");
    one.engine.drain();
  });

  test("is 0 when the engine has stopped", async () => {
    const one = run(pbx);
    await connected(one);
    await until(() => pbx.globals.get("SIDETONE_BEAT") !== undefined, "a heartbeat");
    await one.stop();
    expect(pbx.globals.get("SIDETONE_BEAT")).toBe("0");
  });

  test("an ARI that has stopped to answer is left and connected again", async () => {
    const one = run(pbx);
    await connected(one);
    pbx.wedged = true;
    await until(() => one.engine.health.state !== "connected", "the news");
    pbx.wedged = false;
    await connected(one);
  });
});

describe("nobody's call is lost", () => {
  test("of two controllers one has the call, and the other is quiet about it", async () => {
    const { log, lines } = readableLog();
    const two = [run(pbx, { log }), run(pbx, { log })];
    await Promise.all(two.map(connected));
    const call = pbx.dial();
    await until(() => pbx.mediaRequests.length === 2, "two claims");
    await until(() => two.some(({ legs }) => legs.length > 0), "a leg");
    expect([...pbx.mediaRequests].sort()).toEqual([101, 409]);
    expect(call.place).toBe("lent");
    call.hangUp();
    await Promise.all(two.flatMap(({ legs }) => legs.map((leg) => ended(leg.signal))));
    expect(two.flatMap(({ legs }) => legs)).toHaveLength(1);
    expect(lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  });

  test("of two that Asterisk has let in at the same moment, the one that it does not listen to has no call", async () => {
    const two = [run(pbx), run(pbx)];
    await Promise.all(two.map(connected));
    pbx.mediaAtOnce = 2;
    const call = pbx.dial();
    await until(() => two.some(({ legs }) => legs.length > 0), "a leg");
    expect([...pbx.mediaRequests]).toEqual([101, 101]);
    await until(() => pbx.unheard.length === 1 && pbx.unheard.every(({ left }) => left), "one who has left");
    expect(two.flatMap(({ legs }) => legs)).toHaveLength(1);
    expect(call.place).toBe("lent");
    call.hangUp();
    await Promise.all(two.flatMap(({ legs }) => legs.map((leg) => ended(leg.signal))));
  });

  test("a call that was offered while nobody heard is taken after the reconnection", async () => {
    const one = run(pbx);
    await connected(one);
    const leg = one.nextLeg();
    pbx.cutAri();
    await until(() => pbx.applications.size === 0, "the cut");
    pbx.dial({ from: "777" });
    expect((await leg).from).toBe("777");
  });

  test("a call whose offer is told twice is talked with all the same", async () => {
    const one = run(pbx);
    await connected(one);
    const coming = one.nextLeg();
    const call = pbx.dial();
    const leg = await coming;
    call.offerAgain();
    // What comes later on the same connection is heard later.
    call.press("5");
    for await (const event of leg.events) if (event.type === "dtmf") break;
    expect(leg.signal.aborted).toBe(false);
    expect([one.legs.length, call.place]).toEqual([1, "lent"]);
    call.hangUp();
    await ended(leg.signal);
  });

  test("a caller who hung up while nobody heard is gone after the reconnection", async () => {
    const one = run(pbx);
    await connected(one);
    const coming = one.nextLeg();
    const call = pbx.dial();
    const leg = await coming;
    pbx.cutAri();
    await until(() => pbx.applications.size === 0, "the cut");
    call.hangUp();
    await ended(leg.signal);
    expect(leg.signal.reason).toBe("normal");
  });

  test("the cause of a hang-up is told", async () => {
    const one = run(pbx);
    await connected(one);
    const coming = one.nextLeg();
    const call = pbx.dial();
    const leg = await coming;
    call.hangUp(38);
    await ended(leg.signal);
    expect(leg.signal.reason).toBe("congestion");
  });

  test("without the manager interface a hang-up hangs up, and a transfer is the menu", async () => {
    const one = run(pbx);
    await connected(one);
    const legs: Awaited<ReturnType<Running["nextLeg"]>>[] = [];
    const calls: LentCall[] = [];
    for (let index = 0; index < 2; index++) {
      const coming = one.nextLeg();
      calls.push(pbx.dial());
      legs.push(await coming);
    }
    await pbx.ami.stop();
    await until(() => one.engine.health.state !== "connected", "the loss");
    await legs[0]?.giveBack({ next: "hangup" });
    await legs[1]?.giveBack({ next: "transfer", target: "sales" });
    await until(() => calls[0]?.place === "gone" && calls[1]?.place === "menu", "both ends");
  });

  test("a caller who is refused does not wait out the dialplan's half second", async () => {
    const one = run(pbx);
    await connected(one);
    one.engine.drain();
    await until(() => pbx.globals.get("SIDETONE_BEAT") === "0", "the drain");
    // The call came in just before the heartbeat ended.
    pbx.setGlobal("SIDETONE_BEAT", String(pbx.epoch()));
    const before = performance.now();
    const call = pbx.dial();
    await until(() => call.place === "menu", "the menu");
    expect(performance.now() - before).toBeLessThan(300);
    expect(call.variables.get("SIDETONE_REASON")).toBe("drain");
    expect(one.legs).toHaveLength(0);
  });

  test("a controller that drains leaves new callers to the one that is up", async () => {
    const [old, young] = [run(pbx), run(pbx)];
    await Promise.all([connected(old), connected(young)]);
    old.engine.drain();
    await until(() => pbx.globals.get("SIDETONE_BEAT") === "0", "the drain");
    await until(() => Number(pbx.globals.get("SIDETONE_BEAT")) > 0, "the other one's heartbeat");
    for (let calls = 1; calls <= 5; calls++) {
      const coming = young.nextLeg();
      const call = pbx.dial();
      const leg = await coming;
      // Longer than the draining one looks on.
      await systemClock.sleep(300);
      expect([call.place, leg.signal.aborted, call.variables.get("SIDETONE_NEXT") ?? ""]).toEqual(["lent", false, ""]);
      call.hangUp();
      await ended(leg.signal);
    }
    expect(old.legs).toHaveLength(0);
  });

  test("a key is heard also while ARI is away", async () => {
    const one = run(pbx);
    await connected(one);
    const coming = one.nextLeg();
    const call = pbx.dial();
    const leg = await coming;
    pbx.closeDoor();
    await until(() => one.engine.health.state !== "connected", "the loss");
    call.press("7");
    const { value } = await leg.events[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ type: "dtmf", digit: "7" });
  });
});

describe("what Asterisk says that is none of our business, or nonsense", () => {
  test("is ignored, and calls go on", async () => {
    const one = run(pbx);
    await connected(one);
    const coming = one.nextLeg();
    const call = pbx.dial();
    const leg = await coming;
    for (const text of [
      "",
      "null",
      "[]",
      "{",
      '{"type":7}',
      '{"type":"ChannelUserevent"}',
      `{"type":"${"x".repeat(100_000)}"}`,
    ])
      pbx.say(text);
    const channel = { id: "9.9" };
    pbx.event({ type: "ChannelUserevent", eventname: "Other", userevent: { media: "x", call: "9.9" }, channel });
    pbx.event({
      type: "ChannelUserevent",
      eventname: "SidetoneMedia",
      userevent: { media: "../x", call: "9.9" },
      channel,
    });
    pbx.event({
      type: "ChannelUserevent",
      eventname: "SidetoneMedia",
      userevent: { media: "gone", call: "9.9" },
      channel,
    });
    pbx.event({ type: "ChannelHangupRequest", cause: 16, channel });
    pbx.event({ type: "ChannelDtmfReceived", digit: "12", duration_ms: 1, channel: call.channel() });
    call.press("3");
    const { value } = await leg.events[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ type: "dtmf", digit: "3" });
    await until(() => pbx.mediaRequests.includes(404), "the unknown id");
    expect(one.legs).toHaveLength(1);
    expect(one.engine.health.state).toBe("connected");
  });
});
