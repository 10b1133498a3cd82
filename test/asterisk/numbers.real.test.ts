import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Pbx, PROMPT_HZ } from "./pbx.ts";

// A whole UUID message: kind 0x01, length 16.
const UUID_KIND = 1;

let pbx: Pbx;
beforeAll(async () => {
  pbx = await Pbx.start({
    globals: { SIDETONE_VOICEMAIL: "100@default" },
    // The tone of silence comes as the file itself tells an administrator to bring it.
    extra: {
      "indications.conf": "[us](+)\n#include indications.sidetone.conf",
      "voicemail.conf": "format = wav\n[default]\n100 => 1234,Office",
    },
  });
}, 180_000);
afterEach(() => pbx.settle());
afterAll(() => pbx.stop());

const status = async (to: string, host?: string): Promise<number> => {
  const caller = await pbx.call({ to }, host);
  await caller.until(() => caller.statuses.some((code) => code >= 200), "final status");
  return caller.statuses.at(-1) ?? 0;
};

describe("what was dialled", () => {
  test.each(["+4930123456", "7", "agent", "Agent7", "00493012345678901234567890"])(
    "%s finds the service",
    async (to) => {
      await pbx.beat();
      await pbx.call({ to });
      const { event } = await pbx.offer(() => true);
      const exten = await pbx.monitor.action({ Action: "Getvar", Channel: event.call ?? "", Variable: "EXTEN" });
      expect(exten.Value).toBe(to);
    },
  );

  test.each(["9".repeat(65), "9".repeat(500), "a".repeat(500)])("an endless number is refused", async (to) => {
    expect(await status(to)).toBeGreaterThanOrEqual(400);
    expect(pbx.monitor.events.some(({ UserEvent }) => UserEvent !== undefined)).toBe(false);
  });

  test.each(["%20", "*72", "%2C", ";x"])("%s is nobody's number", async (to) => {
    expect(await status(to)).toBeGreaterThanOrEqual(400);
  });

  test.each(["7%26PJSIP%2Fsales", "7%40sidetone-next", "7%2C1", "7%29", "7%2Fn"])(
    "from a phone of the house, %s reaches nobody but the service",
    async (to) => {
      expect(await status(to, "127.0.0.2")).toBeGreaterThanOrEqual(400);
      expect(pbx.phones.sales.requests).toEqual([]);
    },
  );

  test("what the dialplan knows of a call is there for the one who takes it", async () => {
    await pbx.beat();
    await pbx.call({ to: "4930555" });
    const { event } = await pbx.offer(() => true);
    const variable = async (name: string): Promise<string> =>
      (await pbx.monitor.action({ Action: "Getvar", Channel: event.call ?? "", Variable: name })).Value ?? "";
    expect([await variable("SIDETONE_TRUNK"), await variable("SIDETONE_LANGUAGE")]).toEqual(["carrier", "en"]);
    expect(await variable("CHANNEL(audioreadformat)")).toBe("ulaw");
  });
});

describe("a lent call's audio", () => {
  test.each([
    ["a wideband caller's", 9, "slin16"],
    ["a narrowband caller's", undefined, "slin"],
  ] as const)("%s comes at his own rate", async (_whose, payloadType, format) => {
    await pbx.beat();
    await pbx.call({ to: "4930555", mute: true, ...(payloadType && { payloadType }) });
    const { event } = await pbx.offer(() => true);
    const variable = { Channel: event.Channel ?? "", Variable: "CHANNEL(audionativeformat)" };
    const native = await pbx.monitor.action({ Action: "Getvar", ...variable });
    expect(native.Value).toBe(format === "slin" ? "(slin)" : "(slin16)");
  });

  test("is the menu's after the longest time that a call may be lent", async () => {
    await pbx.asterisk.cli("dialplan set global SIDETONE_CALL_MAX_S 1");
    await pbx.beat();
    const caller = await pbx.call({ to: "4930555" });
    await pbx.take(await pbx.offer(() => true), 1_900);
    const lentAtMs = await caller.hears(1_900);
    expect((await caller.hears(PROMPT_HZ.menu, lentAtMs)) - lentAtMs).toBeLessThan(1_500);
    await pbx.asterisk.cli("dialplan set global SIDETONE_CALL_MAX_S 7200");
  });
});

describe("voicemail, where the PBX has a box", () => {
  test("is offered by the menu, and key 3 takes a message", async () => {
    const caller = await pbx.call({ to: "4930555" });
    await caller.hears(PROMPT_HZ.menu);
    await caller.hears(PROMPT_HZ["menu-voicemail"]);
    caller.press("3");
    await pbx.monitor.event(
      "voicemail",
      ({ Event, Application }) => Event === "Newexten" && Application === "VoiceMail",
    );
  });
});

describe("an Asterisk whose websockets are too old", () => {
  let server: Server;
  const connections: Socket[] = [];

  beforeAll(async () => {
    server = createServer((socket) => connections.push(socket));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await pbx.asterisk.cli("dialplan set global SIDETONE_MEDIA audiosocket");
    await pbx.asterisk.cli(`dialplan set global SIDETONE_AUDIOSOCKET 127.0.0.1:${port}`);
  });
  afterAll(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });

  test("lends the call by AudioSocket under the announced id, and has the menu when the worker dies", async () => {
    await pbx.beat();
    const message = new Promise<Buffer>((resolve) => {
      server.once("connection", (socket) => socket.once("data", resolve));
    });
    const caller = await pbx.call({ to: "4930555" });
    const { event } = await pbx.offer(() => true);
    expect(event.kind).toBe("audiosocket");
    const uuid = await message;
    expect(uuid[0]).toBe(UUID_KIND);
    expect(uuid.subarray(3, 19).toString("hex")).toBe(event.media?.replaceAll("-", ""));
    const before = caller.heard.length;
    for (const socket of connections) socket.resetAndDestroy();
    await caller.hears(PROMPT_HZ.menu, caller.heard[before - 1]?.atMs);
  });

  test("has the menu at once when nobody listens", async () => {
    await new Promise<void>((done) => {
      server.close(() => done());
      for (const socket of connections) socket.destroy();
    });
    await pbx.beat();
    const caller = await pbx.call({ to: "4930555" });
    await caller.answered();
    expect((await caller.hears(PROMPT_HZ.menu)) - caller.answeredAtMs).toBeLessThan(100);
  });
});
