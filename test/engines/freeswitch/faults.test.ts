import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import type { Siblings } from "../../../src/call/siblings.ts";
import { whileLent } from "../../../src/engines/freeswitch/while-lent.ts";
import { EventSocket } from "../../fakes/freeswitch/event-socket.ts";
import type { FakeFreeswitch } from "../../fakes/freeswitch/fake-freeswitch.ts";
import { ended, until } from "../asterisk/support.ts";
import { freePort } from "../free-port.ts";
import { connected, type Desk, openDesk, startFake } from "./support.ts";

let pbx: FakeFreeswitch;
let desk: Desk;

beforeEach(async () => {
  pbx = await startFake();
});
afterEach(async () => {
  await desk.stop();
  await pbx.stop();
});

const inMenu = (call: { place: string }): Promise<void> =>
  until(() => call.place === "menu", `the menu, not ${call.place}`);

describe("a FreeSWITCH that lets nobody in", () => {
  test("is not asked again and again for a wrong password, and its callers wait for nobody", async () => {
    desk = openDesk(pbx, { password: "another" });
    await until(() => desk.engine.health.state === "refused", "the refusal");
    expect(desk.engine.health.detail).toMatch(/refuses the password.*event_socket\.conf\.xml/);
    const { length } = pbx.sessions;
    const call = pbx.dial();
    await inMenu(call);
    expect(pbx.sessions).toHaveLength(length);
    expect(desk.lines.filter((line) => line.includes("refuses the password"))).toHaveLength(1);
    expect(desk.lines.join("")).not.toContain("another");
  });

  test("by its access list is named with the list", async () => {
    pbx.rejects = true;
    desk = openDesk(pbx);
    await until(() => desk.engine.health.state === "refused", "the refusal");
    expect(desk.engine.health.detail).toMatch(/apply-inbound-acl/);
  });

  test("because it is not there is found when it comes, and lends calls then", async () => {
    await pbx.stop();
    desk = openDesk(pbx);
    await until(() => desk.engine.health.detail.startsWith("Nothing listens"), "the sentence");
    await pbx.start();
    await connected(desk);
    pbx.dial();
    await desk.nextLeg();
  });
});

describe("a FreeSWITCH that is restarted in mid-call", () => {
  test("ends its calls, and lends new ones as soon as it is back", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const first = desk.nextLeg();
    pbx.dial();
    const leg = await first;
    await pbx.stop();
    await ended(leg.signal);
    await leg.giveBack({ next: "transfer", target: "sales" });
    await pbx.start();
    await until(() => pbx.sessions.length > 1, "another login");
    await connected(desk);
    const second = desk.nextLeg();
    pbx.dial();
    expect((await second).id).not.toBe(leg.id);
  });
});

test("a dialplan that has FreeSWITCH send silence of its own costs the caller none of the agent's words", async () => {
  desk = openDesk(pbx);
  await connected(desk);
  const lent = desk.nextLeg();
  const call = pbx.dial({ variables: { send_silence_when_idle: "400" } });
  const media = await (await lent).openMedia();
  const tone = (frame: number): Int16Array =>
    Int16Array.from({ length: 160 }, (_, at) => 8000 * Math.sin((2 * Math.PI * 440 * (frame * 160 + at)) / 8000));
  for (let frame = 0; frame < 40; frame++) media.write({ pcm: tone(frame), rate: 8000 });
  await call.line.until(() => call.line.share(440) > 0.9, "the agent");
  expect(desk.lines.join("")).toMatch(/send_silence_when_idle=0/);
});

describe("whoever connects to the port for lent calls", () => {
  const claim = (data: Record<string, string>): EventSocket => {
    const socket = connect(pbx.ports[0] ?? 0, "127.0.0.1");
    const call = { uuid: data["Unique-ID"] ?? "", data: () => data, sendmsg: () => {} };
    return new EventSocket(socket, {
      board: { api: () => "+OK\n", mayUse: () => true, password: () => undefined },
      call,
    });
  };

  test("is turned away with an id that FreeSWITCH does not know", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const stranger = claim({ "Unique-ID": "00000000-0000-4000-8000-000000000000" });
    await until(() => !stranger.open, "the end");
    expect(desk.legs).toHaveLength(0);
    expect(desk.lines.join("")).toMatch(/was not lent that call/);
  });

  test("is turned away with somebody's id and a ticket of his own, or none, or the one that was shown before", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    const leg = await lent;
    const mine = call.variables.get("sidetone_ticket") ?? "";
    for (const ticket of ["guessed", "", mine]) {
      const stranger = claim({ "Unique-ID": call.uuid, variable_sidetone_ticket: ticket });
      await until(() => !stranger.open, "the end");
    }
    expect(desk.legs).toHaveLength(1);
    expect([leg.signal.aborted, call.place]).toEqual([false, "lent"]);
  });

  test("with a call that is offered a second time has it, and the first leg is over", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    const leg = await lent;
    call.variables.set("sidetone_ticket", "another");
    claim({ ...call.data(), "Unique-ID": call.uuid });
    await ended(leg.signal);
    await until(() => desk.legs.length === 2, "the second leg");
  });

  test("with a call that cannot be confirmed in half a second has it back for the menu", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    pbx.closeDoor();
    await until(() => desk.engine.health.state !== "connected", "the loss");
    const started = performance.now();
    const call = pbx.dial();
    await inMenu(call);
    expect(performance.now() - started).toBeLessThan(1500);
    expect(desk.legs).toHaveLength(0);
  });
});

describe("two workers", () => {
  test("at one port: the second says so, and takes over when the first leaves", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const second = openDesk(pbx);
    await until(() => /Port .* is taken/.test(second.engine.health.detail), "the sentence");
    await desk.stop();
    await connected(second);
    const lent = second.nextLeg();
    pbx.dial();
    await lent;
    await second.stop();
  });

  test("at two ports: a worker that drains leaves new calls to the other, and keeps its own", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const own = desk.nextLeg();
    pbx.dial();
    const leg = await own;
    const first = pbx.ports[0] ?? 0;
    const port = await freePort();
    pbx.ports = [port];
    const second = openDesk(pbx);
    await connected(second);
    pbx.ports = [first, port];
    desk.engine.drain();
    const lent = second.nextLeg();
    pbx.dial();
    await lent;
    expect([leg.signal.aborted, desk.legs.length]).toEqual([false, 1]);
    await second.stop();
  });
});

describe("a call that chance has brought to one of several workers", () => {
  const beside = (burden: Siblings["burden"]): Siblings => ({
    ...{ size: 2, othersTake: true, burden, turnFor: () => 0, claim: async () => true },
  });

  test.each([
    { burden: "more", offers: 2 },
    { burden: "full", offers: 3 },
    { burden: "even", offers: 1 },
  ] as const)("is taken at the offer it is: $burden, $offers", async ({ burden, offers }) => {
    desk = openDesk(pbx, { siblings: beside(burden) });
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    await lent;
    expect(call.offers).toBe(offers);
    expect(call.place).toBe("lent");
  });

  test("and whose worker has died is taken by whoever is there", async () => {
    desk = openDesk(pbx, { siblings: beside("full") });
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial({ variables: { sidetone_attempt: "2" } });
    await lent;
    expect(call.offers).toBe(1);
  });
});

describe("a call in which somebody else has a hand", () => {
  test("and who transfers it has it: the timer is put out, nothing resets it, and the leg is over", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    const leg = await lent;
    await until(() => pbx.apis.some((command) => command.startsWith("sched_transfer")), "the first renewal");
    const { session } = call;
    pbx.api(`uuid_transfer ${call.uuid} elsewhere`);
    await ended(leg.signal);
    await until(() => call.variables.get("socket_resume") === undefined, "an end of the resuming");
    await until(() => pbx.scheduler.tasks.length === 0, "no timer");
    expect(call.place).toBe("elsewhere");
    expect(desk.lines.join("")).toContain("somebody has sent a lent call elsewhere");
    await until(() => session?.commands.includes("exit") ?? false, "the farewell");
  });

  test("and that a former host's end takes away stays connected: its own end would take it from whoever has it then", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial({ variables: { sidetone_attempt: "2", sidetone_former: "connected" } });
    const leg = await lent;
    await until(() => pbx.apis.some((command) => command.startsWith("sched_transfer")), "the first renewal");
    const { session } = call;
    pbx.api(`uuid_transfer ${call.uuid} elsewhere`);
    await ended(leg.signal);
    await until(() => pbx.scheduler.tasks.length === 0, "no timer");
    expect(leg.untold, "whoever is offered it finds its journal").toBe(true);
    expect(session?.commands.some((command) => command.startsWith("api sched_del"))).toBe(true);
    expect(session?.commands).not.toContain("exit");
  });

  test("and an unknown application that anybody queues ends it, as FreeSWITCH does", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    const leg = await lent;
    call.sendmsg({ "call-command": "execute", "execute-app-name": "no_such_app" });
    await ended(leg.signal);
    expect(leg.signal.reason).toBe("failure");
  });

  test("and a playback that ends its sound is noticed: the caller hears the agent again, or the menu", async () => {
    desk = openDesk(pbx, { mode: "unicast" });
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    await (await lent).openMedia();
    await until(() => call.sound.unicast, "the sound");
    call.sound.playback(new Int16Array(800));
    await until(() => call.place === "menu" || call.sound.unicast, "an end of the silence", 2000);
  });
});

describe("events", () => {
  test("of channels that nobody has lent, and such as no FreeSWITCH sends, disturb nothing", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    const leg = await lent;
    const unknown = "00000000-0000-4000-8000-000000000000";
    for (const name of ["DTMF", "CHANNEL_HANGUP", "CHANNEL_EXECUTE_COMPLETE", "RECORD_STOP", "ADD_SCHEDULE"]) {
      pbx.event({
        name,
        headers: { "Unique-ID": unknown, "Task-Group": unknown, "Task-ID": "x", Application: "socket" },
        body: "",
      });
      pbx.event({ name, headers: {}, body: "\n\n%ZZ" });
    }
    call.press("7");
    const { value } = await leg.events[Symbol.asyncIterator]().next();
    expect(value).toEqual({ type: "dtmf", digit: "7", durationMs: 100 });
    expect(leg.signal.aborted).toBe(false);
  });
});

describe("the way back", () => {
  test("is one piece: what comes next, the end of the timer, and the farewell", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial();
    const leg = await lent;
    await until(() => pbx.scheduler.tasks.some(({ id }) => id > 1), "a renewal");
    const { session } = call;
    const ticket = call.variables.get("sidetone_ticket") ?? "";
    expect(ticket).not.toBe("");
    await leg.giveBack({ next: "menu", reason: "no such thing; as {this}" });
    await inMenu(call);
    expect(call.variables.get("sidetone_reason")).toBe("no_such_thing__as__this_");
    const [said, ...after] =
      session?.commands.slice(session.commands.findLastIndex((line) => line.includes("setvar_multi"))) ?? [];
    const word = whileLent({ uuid: call.uuid, ticket }, "uuid_setvar_multi", " sidetone_next=menu;sidetone_reason=");
    expect(said).toContain(`api ${word}`);
    expect(after).toEqual([...after.slice(0, -1).map(() => expect.stringMatching(/^api sched_del \d+$/)), "exit"]);
  });

  test("of a caller whose name is full of quotes and commas is made of ids alone", async () => {
    desk = openDesk(pbx);
    await connected(desk);
    const lent = desk.nextLeg();
    const call = pbx.dial({ fromName: 'O\'Hara, "Ann"\r\n\r\napi system x; #{y}', from: "+49' or 1" });
    const leg = await lent;
    expect(leg.fromName).toBe('O\'Hara, "Ann" api system x; #{y}');
    await leg.openMedia();
    await leg.giveBack({ next: "transfer", target: "sales" });
    await until(() => call.place === "sales", "sales");
    expect(pbx.apis.join("\n")).not.toMatch(/Hara|system|or 1/);
  });
});

test("a FreeSWITCH that answers nothing any more does not keep a call: its connection is closed in time", async () => {
  const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 10, run) };
  desk = openDesk(pbx, { clock });
  await connected(desk);
  const lent = desk.nextLeg();
  const call = pbx.dial();
  const leg = await lent;
  if (call.session) call.session.wedged = true;
  await leg.giveBack({ next: "transfer", target: "sales" });
  await inMenu(call);
  expect(desk.lines.join("")).toContain("the dialplan could not be told what comes next");
  expect(leg.untold).toBe(true);
});
