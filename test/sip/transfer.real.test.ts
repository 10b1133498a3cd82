import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { startDemoService } from "../../src/cli/demo/service.ts";
import { phoneOf } from "../support/whole-service.ts";
import { NUMBER, startWorld, type World } from "./world.ts";

const install = inject("asterisk");
const ready = install && inject("pocketsphinx") && inject("sipp");

describe.skipIf(!ready)("a caller whom somebody has transferred to the agent", { timeout: 120_000 }, () => {
  let world: World;
  beforeAll(async () => {
    if (install) world = await startWorld(install);
  }, 120_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test("is in the menu when the agent dies", async () => {
    const { asterisk, service, menu } = world.whole;
    const signal = AbortSignal.timeout(30_000);
    const [ann, bob] = [phoneOf(asterisk, "ann"), phoneOf(asterisk, "bob")];
    try {
      await Promise.all([ann.start(), bob.start()]);
      await Promise.all([ann.register(), bob.register()]);
      const incoming = Promise.withResolvers<Awaited<ReturnType<typeof bob.call>>>();
      ann.onIncoming((call) => void call.answer().then(incoming.resolve, incoming.reject));
      const toAnn = await bob.call("ann", { signal });
      const annsCall = await incoming.promise;
      await toAnn.answered;
      const toAgent = await bob.call(NUMBER, { signal });
      await toAgent.answered;
      await toAgent.heard.soundFor({ ms: 300, sinceMs: 0, signal });
      await toAnn.transferTo(toAgent);
      // Bob is out of it, and Ann hears what is left of the greeting.
      await Promise.all([toAnn.hangUp(), toAgent.hangUp()]);
      await annsCall.heard.soundFor({ ms: 300, sinceMs: 0, signal });
      const killedMs = systemClock.now();
      process.kill(await service.workerPid(), "SIGKILL");
      const options = { sound: menu, sinceMs: killedMs, withinMs: 5_000, clock: systemClock, signal };
      const menuMs = await heardSound(annsCall, options);
      expect(menuMs).toBeDefined();
      expect(annsCall.signal.aborted).toBe(false);
      await annsCall.hangUp();
    } finally {
      await Promise.all([ann.stop(), bob.stop()]);
    }
    await world.settled();
  });

  test("or any other, is talked to by one service where two of them run", async () => {
    const { asterisk, service, phone, dir } = world.whole;
    const signal = AbortSignal.timeout(30_000);
    await service.ready(signal);
    const second = await startDemoService({ asterisk, dir: `${dir}/second`, clock: systemClock });
    try {
      await second.ready(signal);
      for (let call = 0; call < 5; call++) {
        const leg = await phone.call(NUMBER, { signal });
        await leg.answered;
        await leg.heard.soundFor({ ms: 300, sinceMs: 0, signal });
        const channels = await asterisk.cli("core show channels concise");
        expect(channels.split("\n").filter((line) => line.startsWith("WebSocket/"))).toHaveLength(1);
        await leg.hangUp();
        await world.settled();
      }
    } finally {
      await second.stop();
    }
  });
});
