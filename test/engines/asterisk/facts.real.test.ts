import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { createAsterisk } from "../../../src/engines/asterisk/engine.ts";
import { inspect } from "../../../src/engines/asterisk/inspect.ts";
import type { AsteriskOptions } from "../../../src/engines/asterisk/options.ts";
import { MENU_HZ } from "../contract.ts";
import { RealAsterisk } from "../real-asterisk.ts";
import { connected, ended, type Running, readableLog, until, watchEngine } from "./support.ts";

const real = new RealAsterisk("websocket");
const started: Running[] = [];

beforeAll(() => real.start());
afterAll(async () => {
  await Promise.all(started.map((running) => running.stop()));
  await real.stop();
});

const run = (options: AsteriskOptions = real.options, log = silentLog): Running => {
  const running = watchEngine(createAsterisk(options, { clock: systemClock, log }));
  started.push(running);
  return running;
};
const noChannels = async (): Promise<void> => {
  while ((await real.channels()) !== 0) await systemClock.sleep(20);
};

test("`check` finds nothing to mend in the shipped files", async () => {
  const findings = await inspect(real.options, {
    clock: systemClock,
    log: silentLog,
    signal: AbortSignal.timeout(9000),
  });
  expect(findings.filter(({ ok }) => !ok)).toEqual([]);
  expect(findings.length).toBeGreaterThanOrEqual(4);
});

test("wrong passwords are named, and a call that comes meanwhile is in the menu", async () => {
  const { ari, ami } = real.options;
  const wrong = { ...real.options, ari: { ...ari, password: "wrong" }, ami: { ...ami, password: "wrong" } };
  const findings = await inspect(wrong, { clock: systemClock, log: silentLog, signal: AbortSignal.timeout(9000) });
  expect(findings).toMatchObject([
    { ok: false, what: expect.stringContaining("ari.conf") },
    { ok: false, what: expect.stringContaining("manager.conf") },
  ]);
  const { engine } = run(wrong);
  await until(() => engine.health.state === "refused", "a refusal");
  const caller = await real.placeCall({});
  await caller.line.until(() => caller.line.share(MENU_HZ) > 0.9, "the menu");
  caller.hangUp();
  await noChannels();
});

test("of two controllers one has the call, and the other is quiet about it", async () => {
  const { log, lines } = readableLog();
  const two = [run(real.options, log), run(real.options, log)];
  await Promise.all(two.map(connected));
  const caller = await real.placeCall({});
  await until(() => two.some(({ legs }) => legs.length === 1), "a leg");
  await caller.line.until(() => caller.line.packets > 15, "packets");
  expect(two.flatMap(({ legs }) => legs)).toHaveLength(1);
  caller.hangUp();
  await Promise.all(two.flatMap(({ legs }) => legs).map(({ signal }) => ended(signal)));
  await noChannels();
  expect(lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  await Promise.all(two.map((one) => one.stop()));
});

test("an own phone is a leg too: its keys are told once, its hold, and its end", async () => {
  const running = run();
  await connected(running);
  const coming = running.nextLeg();
  const caller = await real.placeCall({ internal: true, from: "201", to: "3000" });
  const leg = await coming;
  expect([leg.from, leg.to, leg.trunk]).toEqual(["201", "3000", "internal"]);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of leg.events) seen.push(event.type === "dtmf" ? event.digit : event.type);
  })();
  caller.press("1", "rfc4733");
  await until(() => seen.length === 1, "the key");
  // The last packets of a key are repeated; after them the phone is free for something else.
  const packets = caller.line.packets;
  await caller.line.until(() => caller.line.packets > packets + 10, "the key's end");
  caller.hold();
  await until(() => seen.length === 2, "the hold");
  caller.unhold();
  await until(() => seen.length === 3, "the unhold");
  caller.press("2", "info");
  await until(() => seen.length === 4, "the other key");
  caller.hangUp();
  await ended(leg.signal);
  await reading;
  expect(seen).toEqual(["1", "held", "resumed", "2"]);
  await noChannels();
  await running.stop();
});

test("nothing of ours stays in Asterisk after us", async () => {
  const running = run();
  await connected(running);
  expect(await real.pbx.cli("ari show apps")).toContain("sidetone-");
  await running.stop();
  await slowly(async () => !(await real.pbx.cli("ari show apps")).includes("sidetone-"));
  expect(await real.pbx.cli("dialplan show globals")).toMatch(/SIDETONE_BEAT=0\s/);
});

async function slowly(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(20);
}
