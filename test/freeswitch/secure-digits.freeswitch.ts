import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReachableFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { Phone } from "../../src/caller/phone.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { SipPeer } from "../asterisk/sip-peer.ts";
import { filesBelow, LEAK, SecureDesk } from "../recording/secure-desk.ts";
import { NUMBER, openFreeswitch } from "./open.ts";

/** The feature code's, which is another one than a caller's. */
const OVERRIDE_PIN = "4711";
/** What asks for the PIN and then for the key; and the end of what says that it is done. */
const [ASKS_HZ, DONE_HZ] = [880, 1_320];

const desk = new SecureDesk();
const undo = new AsyncDisposableStack();
let dir: string;
let pbx: ReachableFreeswitch;
let service: DemoService;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "sidetone-secure-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  await chmod(dir, 0o755);
  undo.defer(() => desk[Symbol.asyncDispose]());
  const settings = await desk.start();
  pbx = await openFreeswitch({
    sounds: dir,
    globals: { sidetone_override_pin: OVERRIDE_PIN, sidetone_key_ms: "3000" },
  });
  undo.defer(() => pbx.stop());
  const [port = 0] = pbx.ports.lend;
  service = await startDemoService({
    engines: { freeswitch: { esl: pbx.esl, lend: { port } } },
    ...{ dir, clock: systemClock, settings },
  });
  undo.defer(() => service.stop());
  await service.ready(AbortSignal.timeout(40_000));
}, 120_000);
afterAll(() => undo.disposeAsync(), 60_000);

describe("a caller's PIN, on a real FreeSWITCH", () => {
  test("reaches the tool that checks it, and nobody and nothing else", async () => {
    const trunk = { transport: "udp", host: pbx.trunkHost, port: pbx.ports.trunk } as const;
    const phone = new Phone({ pbx: trunk, user: "caller" }, { clock: systemClock, log: silentLog });
    undo.defer(() => phone.stop());
    await phone.start();
    const signal = AbortSignal.timeout(80_000);
    const leg = await phone.call(NUMBER, { codec: "ulaw", signal });
    await desk.keepsSecret(leg, { dir, signal });
    // As it is deployed, at level warning, its log has none of the keys either.
    if (!pbx.attached) expect(await readFile(pbx.logFile, "utf8")).not.toMatch(LEAK);
    expect(await readFile(join(dir, "sidetone.log"), "utf8")).toContain("call ended");
  }, 120_000);
});

describe("the feature code, on a real FreeSWITCH", () => {
  const opens = async (): Promise<string | undefined> =>
    /sidetone_open\{agent="reception"[^}]*\} (\d)/.exec(await service.metrics())?.[1];

  /** A phone of the house is put through to the feature code, as one that dials it is. */
  async function dials(): Promise<SipPeer> {
    const phone = await SipPeer.open(0);
    undo.defer(() => phone.close());
    const uri = `sofia/${pbx.trunkProfile}/sip:house@127.0.0.1:${phone.port}`;
    await pbx.cli(`bgapi originate ${uri} sidetone-override XML sidetone`);
    await phone.until(() => phone.answeredAtMs > 0, "a call");
    return phone;
  }

  /** Each thing to press, after the tone that asks for it. */
  async function presses(phone: SipPeer, keys: readonly string[]): Promise<void> {
    for (const [index, key] of keys.entries()) {
      await phone.until(() => phone.timesHeard(ASKS_HZ) > index, "a tone that asks");
      phone.press(key);
    }
  }

  test("closes and opens for who knows the PIN, and for nobody else", async () => {
    expect(await opens()).toBe("1");
    const stranger = await dials();
    await presses(stranger, ["0000#0000#0000#"]);
    await stranger.ended();
    expect(stranger.timesHeard(DONE_HZ)).toBe(0);
    expect(await opens()).toBe("1");
    for (const [key, open] of [
      ["2", "0"],
      ["3", "1"],
    ] as const) {
      const phone = await dials();
      await presses(phone, [`${OVERRIDE_PIN}#`, key]);
      await phone.hears(DONE_HZ);
      await phone.ended();
      await expect.poll(opens, { timeout: 5_000 }).toBe(open);
    }
    const files = await filesBelow(service.stateDir);
    const texts = await Promise.all(files.map((file) => readFile(file, "latin1")));
    expect(texts.join("")).not.toContain(OVERRIDE_PIN);
  }, 60_000);
});
