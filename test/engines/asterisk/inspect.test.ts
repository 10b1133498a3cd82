import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { type Finding, inspect } from "../../../src/engines/asterisk/inspect.ts";
import { FakeAsterisk } from "../../fakes/asterisk/fake-asterisk.ts";
import { optionsFor } from "../fake-harness.ts";

let pbx: FakeAsterisk;

beforeEach(async () => {
  pbx = new FakeAsterisk();
  await pbx.start();
});
afterEach(() => pbx.stop());

const look = (options = optionsFor(pbx)): Promise<Finding[]> =>
  inspect(options, { clock: systemClock, log: silentLog, signal: AbortSignal.timeout(9000) });
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

test("a version that is too old is named with the way that is left", async () => {
  pbx.version = "18.10.0";
  expect(bad(await look())).toEqual([expect.stringMatching(/too old.*audiosocket/)]);
});

test("a manager user who may do too little is named", async () => {
  pbx.allowedActions = { Setvar: "Sets a variable" };
  expect(bad(await look())).toEqual([expect.stringMatching(/may not use playdtmf.*write = call/)]);
});

test("a wedged ARI is noticed", async () => {
  pbx.wedgedApplications = true;
  expect(bad(await look())).toEqual([expect.stringMatching(/wedged.*[Rr]estart Asterisk/)]);
});
