import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { inspect } from "../../../src/engines/asterisk/inspect.ts";
import type { Finding } from "../../../src/engines/finding.ts";
import { FakeAsterisk } from "../../fakes/asterisk/fake-asterisk.ts";
import { optionsFor } from "../fake-harness.ts";

let pbx: FakeAsterisk;

beforeEach(async () => {
  pbx = new FakeAsterisk();
  await pbx.start();
});
afterEach(() => pbx.stop());

const look = (
  options = optionsFor(pbx),
  targets: Record<string, string[]> = {},
  overflow = "menu",
): Promise<Finding[]> =>
  inspect(options, { clock: systemClock, log: silentLog, signal: AbortSignal.timeout(9000), targets, overflow });
const bad = (findings: readonly Finding[]): string[] =>
  findings.filter(({ ok }) => !ok).map(({ what, todo }) => `${what} / ${todo}`);

test("an Asterisk that is well has nothing to mend, and names its version", async () => {
  const findings = await look();
  expect(bad(findings)).toEqual([]);
  expect(findings.map(({ what }) => what).join()).toContain("22.10.1");
  expect(pbx.applications.size).toBe(0);
});

test("wrong passwords are both named", async () => {
  const options = optionsFor(pbx);
  pbx.ariPassword = pbx.amiPassword = "another";
  expect(bad(await look(options))).toEqual([
    expect.stringMatching(/ari\.conf/),
    expect.stringMatching(/manager\.conf/),
  ]);
});

test("an Asterisk that is not there is named at once", async () => {
  const options = optionsFor(pbx);
  await Promise.all([pbx.stopHttp(), pbx.ami.stop()]);
  expect(bad(await look(options))).toEqual([
    expect.stringMatching(/Nothing listens.*http\.conf/),
    expect.stringMatching(/Nothing listens.*manager\.conf/),
  ]);
});

test("a dialplan that is not included is named", async () => {
  pbx.globals.delete("SIDETONE_MEDIA");
  expect(bad(await look())).toEqual([expect.stringMatching(/no SIDETONE_MEDIA.*dialplan reload/)]);
});

test("contexts that are not included are named, with the line to add", async () => {
  pbx.functions.set("DIALPLAN_EXISTS(sidetone-in,100,1)", "0");
  expect(bad(await look())).toEqual([
    expect.stringMatching(/no context sidetone-in: .*"#include extensions\.sidetone\.conf".*dialplan reload/),
  ]);
  pbx.functions.set("DIALPLAN_EXISTS(sidetone-menu,s,1)", "0");
  expect(bad(await look())).toEqual([expect.stringMatching(/no context sidetone-in and no sidetone-menu: /)]);
});

test("an Asterisk that could not send a caller on is named", async () => {
  pbx.functions.delete("DIALPLAN_EXISTS(sidetone-in,100,1)");
  expect(bad(await look())).toEqual([expect.stringMatching(/func_dialplan\.so.*module load/)]);
});

test("a country without the tone of silence is bearable", async () => {
  pbx.functions.delete("AST_CONFIG(indications.conf,us,sidetone-wait)");
  const findings = await look();
  expect(bad(findings)).toEqual([expect.stringMatching(/sidetone-wait in \[us\].*"\[us\]\(\+\)".*reload indications/)]);
  expect(findings.filter(({ ok }) => !ok)).toMatchObject([{ bearable: true }]);
});

test("a target that leads nowhere is named with its agents, and the line to add", async () => {
  pbx.globals.set("SIDETONE_TARGET_SALES", "PJSIP/sales");
  const agents = ["reception"];
  const targets = { sales: agents, billing: ["reception", "night"], menu: agents, hangup: agents, voicemail: agents };
  const findings = await look(optionsFor(pbx), targets);
  expect(bad(findings)).toEqual([
    expect.stringMatching(/no SIDETONE_TARGET_BILLING: .*reception, night.*"SIDETONE_TARGET_BILLING = PJSIP/),
  ]);
  expect(findings.filter(({ ok }) => !ok)).toMatchObject([{ bearable: true }]);
  expect(bad(await look(optionsFor(pbx), { "after-sales": agents }))).toEqual([
    expect.stringMatching(/"after-sales" .*reception/),
  ]);
});

test("an overflow that leads nowhere is named, and the line to add", async () => {
  const findings = await look(optionsFor(pbx), {}, "night_desk");
  expect(bad(findings)).toEqual([
    expect.stringMatching(/no SIDETONE_TARGET_NIGHT_DESK: .*limits\.overflow.*"SIDETONE_TARGET_NIGHT_DESK = PJSIP/),
  ]);
  expect(findings.filter(({ ok }) => !ok)).toMatchObject([{ bearable: true }]);
  pbx.globals.set("SIDETONE_TARGET_NIGHT_DESK", "PJSIP/night");
  expect(bad(await look(optionsFor(pbx), {}, "night_desk"))).toEqual([]);
  expect(bad(await look(optionsFor(pbx), {}, "voicemail"))).toEqual([]);
});

test("every finding is a sentence, and none points to another", async () => {
  const options = optionsFor(pbx);
  const all = await look(options);
  pbx.globals.clear();
  pbx.functions.clear();
  all.push(...(await look(options)));
  pbx.ariPassword = pbx.amiPassword = "another";
  all.push(...(await look(options)));
  await Promise.all([pbx.stopHttp(), pbx.ami.stop()]);
  all.push(...(await look(options)));
  expect(all.length).toBeGreaterThan(10);
  for (const { what, todo } of all) {
    expect(what).toMatch(/^[A-Z].*[.?]$/);
    expect(todo).not.toContain("the sentence before");
  }
});

test("a version that is too old is named with the way that is left", async () => {
  pbx.version = "18.10.0";
  expect(bad(await look())).toEqual([expect.stringMatching(/too old.*audiosocket/)]);
});

test("a manager user who may do too little is named", async () => {
  pbx.allowedActions = { Setvar: "Sets a variable", Getvar: "Gets one" };
  expect(bad(await look())).toEqual([expect.stringMatching(/may not use playdtmf.*write = call/)]);
});

test("a wedged ARI is noticed", async () => {
  pbx.wedgedApplications = true;
  expect(bad(await look())).toEqual([expect.stringMatching(/wedged.*[Rr]estart Asterisk/)]);
});
