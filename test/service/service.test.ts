import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Next } from "../../src/call/engine.ts";
import { loadConfig } from "../../src/config/load.ts";
import { readToken } from "../../src/server/token.ts";
import { type Service, startService } from "../../src/service.ts";
import { Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { LendingEngine, speakingCatalogue } from "./support.ts";

/** A call whose caller says nothing and stays on the line. */
const callerOnTheLine = (): FakeLeg => new FakeLeg({ media: async () => new FakeMedia(systemClock) });

const open: { folder?: Folder; service?: Service } = {};
afterEach(async () => {
  await open.service?.close("test");
  open.folder?.[Symbol.dispose]();
});

async function started(rest = "", portCanWait = false) {
  const folder = new Folder({
    "sidetone.yaml": `${SOUND_SERVICE}server: {port: 0}\nstateDir: state\ncacheDir: cache\n${rest}`,
    "agents/reception.yaml": SOUND_AGENT,
  });
  open.folder = folder;
  const engine = new LendingEngine();
  const catalogue = speakingCatalogue();
  const load = () => loadConfig(folder.file, { catalogue, env: { ARI_PASSWORD: "x" } });
  const service = await startService(load(), {
    clock: systemClock,
    log: silentLog,
    version: "0.0.0",
    createEngine: () => engine,
    hintsOf: () => [],
    portCanWait,
  });
  open.service = service;
  return { folder, engine, service, load };
}

const status = async (service: Service, path: string) => (await fetch(`${service.url}${path}`)).status;

describe("the service", () => {
  test("is ready while an engine is connected, and not when it stops", async () => {
    const { engine, service } = await started();
    expect(await status(service, "/readyz")).toBe(200);
    engine.health = { state: "refused", detail: "The password of ARI is wrong." };
    const response = await fetch(`${service.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reasons: ["asterisk: The password of ARI is wrong."] });
    engine.health = { state: "connected", detail: "" };
    await service.drain(0);
    expect(await status(service, "/readyz")).toBe(503);
  });

  test("a call above the limit goes to the menu at once, and those that are up go on", async () => {
    const { engine, service } = await started("limits: {calls: 1}\n");
    const [first, second] = [callerOnTheLine(), callerOnTheLine()];
    const running = engine.lend(first);
    await engine.lend(second);
    expect(second.given).toEqual([{ next: "menu", reason: "overload" }]);
    expect(first.given).toEqual([]);
    expect(service.calls).toBe(1);
    first.hangUp();
    await running;
    expect(service.calls).toBe(0);
  });

  test("a draining service takes no call, and waits for those that are up", async () => {
    const { engine, service } = await started();
    const [first, second] = [callerOnTheLine(), callerOnTheLine()];
    const running = engine.lend(first);
    const drained = service.drain(60);
    await engine.lend(second);
    expect(engine.drained).toBe(true);
    expect(second.given).toEqual([{ next: "menu", reason: "drain" }]);
    first.hangUp();
    await drained;
    await running;
  });

  test("calls that are up when the service closes are in the menu, and are counted so", async () => {
    const { engine, service, folder } = await started();
    const leg = callerOnTheLine();
    const running = engine.lend(leg);
    const text = await (await fetch(`${service.url}/metrics`)).text();
    expect(text).toContain("sidetone_calls_active 1");
    const events = await fetch(`${service.url}/api/events`, {
      headers: { authorization: `Bearer ${readToken(join(folder.path, "state"))}` },
    });
    await service.close("shutdown");
    await running;
    expect(await events.text()).toContain('"next":{"next":"menu","reason":"shutdown"}');
    expect(leg.given[0]).toEqual<Next>({ next: "menu", reason: "shutdown" });
  });

  test("a new configuration is for new calls; the old one stays until its last call is over", async () => {
    const { engine, service, folder, load } = await started();
    const first = callerOnTheLine();
    const running = engine.lend(first);
    folder.write("sidetone.yaml", `${SOUND_SERVICE}server: {port: 0}\nstateDir: state\nlimits: {calls: 1}\n`);
    service.apply(load());
    const second = callerOnTheLine();
    await engine.lend(second);
    expect(second.given).toEqual([{ next: "menu", reason: "overload" }]);
    expect(first.given).toEqual([]);
    first.hangUp();
    await running;
  });

  test("a taken port stops a first start, and only delays the API of a restart", async () => {
    const first = await started();
    const port = new URL(first.service.url ?? "").port;
    const folder = new Folder({
      "sidetone.yaml": `${SOUND_SERVICE}server: {port: ${port}}\nstateDir: state\ncacheDir: cache\n`,
      "agents/reception.yaml": SOUND_AGENT,
    });
    try {
      const config = loadConfig(folder.file, { catalogue: speakingCatalogue(), env: { ARI_PASSWORD: "x" } });
      const engine = new LendingEngine();
      const parts = { clock: systemClock, log: silentLog, version: "0", createEngine: () => engine, hintsOf: () => [] };
      await expect(startService(config, { ...parts, portCanWait: false })).rejects.toThrow(
        `port ${port} on 127.0.0.1 is taken`,
      );
      // What was refused never saw a call.
      await expect(engine.lend(callerOnTheLine())).rejects.toThrow("does not run");
      const again = await startService(config, { ...parts, portCanWait: true });
      const leg = callerOnTheLine();
      const running = engine.lend(leg);
      expect(again.url).toBeUndefined();
      expect(again.calls).toBe(1);
      leg.hangUp();
      await running;
      await again.close("test");
    } finally {
      folder[Symbol.dispose]();
    }
  });
});
