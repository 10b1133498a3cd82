import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { Pbx, PHONE_HZ, PROMPT_HZ } from "./pbx.ts";

const AGENT_HZ = 1_900;
const SECOND_AGENT_HZ = 2_300;
const MENU_MS = 100;

let pbx: Pbx;
let globals: string;
beforeAll(async () => {
  pbx = await Pbx.start();
  await pbx.beat();
  globals = await listGlobals();
}, 180_000);
afterEach(async () => {
  await pbx.settle();
  expect(await listGlobals()).toBe(globals);
});
afterAll(() => pbx.stop());

/** All of them, but not what the time is in one of them. */
const listGlobals = async (): Promise<string> =>
  (await pbx.asterisk.cli("dialplan show globals")).replace(/(SIDETONE_BEAT)=\d+/, "$1");

const firstAttempt = ({ attempt }: Readonly<Record<string, string>>): boolean => attempt === "1";
const secondAttempt = ({ attempt }: Readonly<Record<string, string>>): boolean => attempt === "2";

async function lentCall(to = "4930555") {
  await pbx.beat();
  const caller = await pbx.call({ to });
  const offer = await pbx.offer(firstAttempt);
  const worker = await pbx.take(offer, AGENT_HZ);
  await caller.hears(AGENT_HZ);
  return { caller, offer, worker };
}

const setNext = (call: string, next: string): Promise<unknown> =>
  pbx.monitor.action({ Action: "Setvar", Channel: call, Variable: "SIDETONE_NEXT", Value: next });

async function giveBack(next: string) {
  const { caller, offer, worker } = await lentCall();
  await setNext(offer.event.call ?? "", next);
  const atMs = systemClock.now();
  worker.stdin?.write("back\n");
  return { caller, atMs };
}

/** A worker that is up but idle: its connection is all that the dialplan needs to know. */
async function presence(): Promise<WebSocket> {
  await pbx.monitor.action({
    Action: "Originate",
    Channel: "WebSocket/INCOMING/c(slin)f(json)",
    Context: "sidetone-presence",
    Exten: "s",
    Priority: "1",
    Async: "true",
    Timeout: "2000",
    Variable: "PRESENCE=1",
  });
  const channel = await pbx.monitor.event("presence channel", ({ Event, Channel }) =>
    Boolean(Event === "Newchannel" && Channel?.startsWith("WebSocket/")),
  );
  const id = await pbx.monitor.action({
    Action: "Getvar",
    Channel: channel.Channel ?? "",
    Variable: "MEDIA_WEBSOCKET_CONNECTION_ID",
  });
  const socket = new WebSocket(`ws://127.0.0.1:${pbx.asterisk.ports.http}/media/${id.Value}`, "media");
  await pbx.monitor.event("presence in its group", ({ Event, Context, Application }) =>
    Boolean(Event === "Newexten" && Context === "sidetone-presence" && Application === "Wait"),
  );
  return socket;
}

describe("a lent call", () => {
  test("is told about with ids only, whatever the caller calls himself", async () => {
    await pbx.beat();
    await pbx.call({
      to: "4930555",
      from: "a%22%2C%29%7D",
      displayName: `\${SHELL(id)}, 'x' $[1+1] ) & \\"y\\"`,
    });
    const { event } = await pbx.offer(() => true);
    expect(event.media).toMatch(/^[\w-]+$/);
    expect(event.call).toMatch(/^[\d.]+$/);
    expect([event.attempt, event.kind]).toEqual(["1", "websocket"]);
    const shown = Object.entries(event).filter(([name]) => !/^(Event|Privilege|.*CallerID|ConnectedLine)/.test(name));
    expect(shown.map(([, value]) => value).join(" ")).not.toMatch(/SHELL|'x'|uid=/);
  });

  test("killed with its worker, the caller hears the menu's first sound at once", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { caller, worker } = await lentCall();
      const killedAtMs = systemClock.now();
      worker.kill("SIGKILL");
      const menuMs = (await caller.hears(PROMPT_HZ.menu, killedAtMs)) - killedAtMs;
      if (process.env.SIDETONE_FIGURES) process.stdout.write(`kill to menu ${menuMs.toFixed(1)} ms\n`);
      expect(menuMs).toBeLessThan(MENU_MS);
      await pbx.settle();
    }
  });

  test("killed while another worker is known to be up, it is offered once more, and after that it has the menu", async () => {
    const other = await presence();
    try {
      const { caller, worker } = await lentCall();
      worker.kill("SIGKILL");
      const killedAtMs = systemClock.now();
      const again = await pbx.take(await pbx.offer(secondAttempt), SECOND_AGENT_HZ);
      await caller.hears(SECOND_AGENT_HZ, killedAtMs);
      const secondKillAtMs = systemClock.now();
      again.kill("SIGKILL");
      const menuMs = (await caller.hears(PROMPT_HZ.menu, secondKillAtMs)) - secondKillAtMs;
      expect(menuMs).toBeLessThan(MENU_MS);
    } finally {
      other.terminate();
    }
  });

  test("killed together with the last other worker, it has the menu without waiting for anybody", async () => {
    const other = await presence();
    const { caller, worker } = await lentCall();
    const killedAtMs = systemClock.now();
    worker.kill("SIGKILL");
    other.terminate();
    const menuMs = (await caller.hears(PROMPT_HZ.menu, killedAtMs)) - killedAtMs;
    if (process.env.SIDETONE_FIGURES) process.stdout.write(`all killed to menu ${menuMs.toFixed(1)} ms\n`);
    expect(menuMs).toBeLessThan(MENU_MS);
  });

  test("that nobody takes is in the menu after half a second", async () => {
    await pbx.beat();
    const caller = await pbx.call({ to: "4930555" });
    await caller.answered();
    const menuMs = (await caller.hears(0)) - caller.answeredAtMs;
    expect(menuMs).toBeGreaterThan(400);
    expect(menuMs).toBeLessThan(700);
    await caller.hears(PROMPT_HZ.menu);
  });

  test("goes to the phone that it is sent to, and the caller hears it", async () => {
    const { caller, atMs } = await giveBack("support");
    await caller.hears(PHONE_HZ.support, atMs);
  });

  test("goes to the menu when it is sent there", async () => {
    const { caller, atMs } = await giveBack("menu");
    expect((await caller.hears(PROMPT_HZ.menu, atMs)) - atMs).toBeLessThan(MENU_MS);
  });

  test("ends when it is sent home", async () => {
    const { caller } = await giveBack("hangup");
    await caller.ended();
  });

  test.each(["nobody", "sales,1", "sales)}&PJSIP/x", "SALES", "s", "_sales", "x".repeat(400)])(
    "goes to the menu when its next step is none: %s",
    async (next) => {
      const { caller, atMs } = await giveBack(next);
      await caller.hears(PROMPT_HZ.menu, atMs);
      expect(Object.values(pbx.phones).flatMap(({ requests }) => requests)).toEqual([]);
    },
  );

  test("that is refused goes to the menu at once", async () => {
    await pbx.beat();
    const caller = await pbx.call({ to: "4930555" });
    const { event } = await pbx.offer(firstAttempt);
    await caller.answered();
    await setNext(event.call ?? "", "menu");
    const atMs = systemClock.now();
    await pbx.monitor.action({ Action: "Hangup", Channel: event.Channel ?? "" });
    expect((await caller.hears(PROMPT_HZ.menu)) - atMs).toBeLessThan(MENU_MS);
  });

  test("from a phone of the house has a dialplan of its own, and the menu when its worker dies", async () => {
    await pbx.beat();
    const caller = await pbx.call({ to: "700" }, "127.0.0.2");
    const offer = await pbx.offer(firstAttempt);
    const worker = await pbx.take(offer, AGENT_HZ);
    await caller.hears(AGENT_HZ);
    const channels = await pbx.asterisk.cli("core show channels concise");
    expect(channels).toMatch(/^Local\/700@sidetone-in-\w+;2!sidetone-in!700!/m);
    const killedAtMs = systemClock.now();
    worker.kill("SIGKILL");
    expect((await caller.hears(PROMPT_HZ.menu, killedAtMs)) - killedAtMs).toBeLessThan(MENU_MS + 50);
  });

  test("Asterisk has nothing to say against our files", async () => {
    const log = await readFile(pbx.asterisk.logFile, "utf8");
    // That a worker was killed is news to its websocket, and no fault of the files.
    const faults = log.split("\n").filter((line) => /WARNING|ERROR/.test(line));
    expect(faults.filter((line) => !/res_http_websocket\.c|chan_websocket\.c/.test(line))).toEqual([]);
  });
});
