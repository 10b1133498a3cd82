import { FreeSwitchClient, FreeSwitchServer } from "esl";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { silentLog } from "../../../../src/base/log.ts";
import { EslClient } from "../../../../src/engines/freeswitch/esl/client.ts";
import { EslServer, type OutboundCall } from "../../../../src/engines/freeswitch/esl/server.ts";
import { FakeFreeswitch } from "../../../fakes/freeswitch/fake-freeswitch.ts";
import { until } from "../../asterisk/support.ts";
import { freePort } from "../../free-port.ts";

// Somebody else's client and server beside ours, on the same wire: whoever is right, they must agree.
const silent = { debug: () => {}, info: () => {}, error: () => {} };
const NAME = `Zoë "Ann", O'Hara; $\{system ls} 100%\r\nX: y`;

let pbx: FakeFreeswitch;
beforeEach(async () => {
  pbx = new FakeFreeswitch();
  pbx.ports = [await freePort()];
  await pbx.start();
});
afterEach(() => pbx.stop());

describe("an independent client", () => {
  type Session = Parameters<Parameters<FreeSwitchClient["on"]>[1]>[0];
  const connecting = (client: FreeSwitchClient): Promise<Session> =>
    new Promise((resolve) => client.on("connect", resolve));

  test("is told the same as ours", async () => {
    const theirs = new FreeSwitchClient({ host: "127.0.0.1", port: pbx.port, password: "esl-secret", logger: silent });
    const ready = connecting(theirs);
    theirs.connect();
    const session = (await ready) as unknown as Record<
      "api" | "bgapi",
      (command: string) => Promise<{ body: unknown }>
    >;
    const stop = new AbortController();
    const access = { host: "127.0.0.1", port: pbx.port, user: "", password: "esl-secret" };
    const ours = new EslClient({
      ...{ access, clock: systemClock, log: silentLog },
      ...{ onEvent: () => {}, onConnected: () => Promise.resolve() },
    });
    const running = ours.run(stop.signal);
    const connection = await ours.connected(AbortSignal.timeout(3000));
    for (const command of ["module_exists mod_sofia", "module_exists mod_none", "version"])
      expect(String((await session.api(command)).body).trim(), command).toBe((await connection.api(command)).trim());
    expect(JSON.stringify((await session.bgapi("module_exists mod_sofia")).body)).toContain("true");
    theirs.end();
    stop.abort();
    await running;
  });
});

describe("an independent server", () => {
  test("is lent a call with the same variables as ours, runs an application, and gives it back", async () => {
    const port = pbx.ports[0] ?? 0;
    const lent = Promise.withResolvers<OutboundCall>();
    const ours = new EslServer({
      ...{ host: "127.0.0.1", port, clock: systemClock, log: silentLog },
      onCall: async (call) => lent.resolve(call),
    });
    await ours.listen();
    const first = pbx.dial({ fromName: NAME, from: "+49,30" });
    const { uuid, data } = await lent.promise;
    expect(uuid).toBe(first.uuid);
    await ours.close();
    await until(() => first.place === "menu", "the menu");
    first.hangUp();

    const theirs = new FreeSwitchServer({ all_events: false, logger: silent });
    const connected = new Promise<{ call: unknown; uuid: string; data: Record<string, string> }>((resolve) =>
      theirs.on("connection", (call, { uuid: id = "", data: variables }) =>
        resolve({ call, uuid: id, data: variables as Record<string, string> }),
      ),
    );
    await theirs.listen({ host: "127.0.0.1", port });
    const second = pbx.dial({ fromName: NAME, from: "+49,30" });
    const known = await connected;
    expect(known.uuid).toBe(second.uuid);
    expect(known.data["Caller-Caller-ID-Name"]).toBe(NAME);
    // But for what is each call's own.
    const own = /uuid|unique-id|ticket|channel-name|timestamp|call-id/i;
    const theirData = Object.entries(known.data).filter(([name]) => !own.test(name));
    for (const [name, value] of theirData) if (data.has(name)) expect(value, name).toBe(data.get(name));
    expect(theirData.filter(([name]) => data.has(name)).length).toBeGreaterThan(10);
    const call = known.call as Record<"command", (name: string, argument?: string) => Promise<unknown>> &
      Record<"exit", () => Promise<unknown>>;
    await call.command("set", "sidetone_next=sales");
    await call.exit();
    await until(() => second.place === "sales", "sales");
    second.hangUp();
    await theirs.close();
  });
});
