import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  attachFreeswitch,
  findFreeswitch,
  PREFIX_VARIABLE,
  type RunningFreeswitch,
  readFreeswitchAddress,
  startFreeswitch,
} from "../../deploy/engines/freeswitch.ts";
import { SipPeer } from "../asterisk/sip-peer.ts";
import { Pbx, PHONE_HZ, PROMPT_HZ } from "./pbx.ts";

// Somebody's own FreeSWITCH, with the shipped files in it. What is borrowed here has been started by this file.
const attachedElsewhere = readFreeswitchAddress(process.env[PREFIX_VARIABLE] ?? "") !== undefined;

describe.skipIf(attachedElsewhere)("a FreeSWITCH that runs already", () => {
  let own: RunningFreeswitch;
  let empty = "";
  const before = process.env[PREFIX_VARIABLE];
  const address = () => ({ host: "127.0.0.1", port: own.ports.esl, password: own.admin.password });
  const globals = (): Promise<string[]> =>
    Promise.all(
      ["sounds", "socket", "key_ms", "target_sales"].map((name) => own.cli(`global_getvar sidetone_${name}`)),
    );

  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), "sidetone-empty-"));
    own = await startFreeswitch({ install: await findFreeswitch() });
  });
  afterAll(async () => {
    process.env[PREFIX_VARIABLE] = before;
    await own.stop();
    await rm(empty, { recursive: true, force: true });
  });

  test("lends its calls to the tests' workers, rings their phones, and is as before when they are done", async () => {
    const theirs = await globals();
    const { host, port, password } = address();
    process.env[PREFIX_VARIABLE] = `${host}:${port}:${password}`;
    const pbx = await Pbx.start();
    try {
      await pbx.worker(1_900);
      const lent = await pbx.call();
      await lent.hears(1_900);
      await pbx.settle();
      const caller = await pbx.call();
      await caller.hears(PROMPT_HZ.menu);
      caller.press("1");
      await caller.hears(PHONE_HZ.sales);
      expect(await globals()).not.toEqual(theirs);
    } finally {
      await pbx.settle();
      await pbx.stop();
    }
    expect(await globals()).toEqual(theirs);
    expect(await own.cli("status")).toMatch(/is ready/);
  });

  test("is left alone while it has calls", async () => {
    const caller = await SipPeer.open(own.ports.trunk);
    caller.invite({ to: "4100" });
    await caller.answered();
    await expect(attachFreeswitch({ address: address(), sounds: empty })).rejects.toThrow(/has calls/);
    await caller.close();
  });

  test("is not entered with a wrong password, and that is said", { timeout: 30_000 }, async () => {
    const wrong = { ...address(), password: "wrong" };
    await expect(attachFreeswitch({ address: wrong, sounds: empty })).rejects.toThrow(/No FreeSWITCH answers/);
  });
});
