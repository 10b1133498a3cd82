import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { inspect } from "../../../src/engines/asterisk/inspect.ts";
import { RealAsterisk } from "../real-asterisk.ts";

const real = new RealAsterisk("websocket");
const targets = { sales: ["reception"], billing: ["reception"], menu: ["reception"] };

beforeAll(() => real.start());
afterAll(() => real.stop());

async function faults(): Promise<string[]> {
  const signal = AbortSignal.timeout(9000);
  const findings = await inspect(real.options, { clock: systemClock, log: silentLog, signal, targets });
  return findings.filter(({ ok }) => !ok).map(({ what, todo }) => `${what} / ${todo}`);
}

test("a target without a global, and contexts that are gone, are seen in the real Asterisk", async () => {
  const target = expect.stringContaining("SIDETONE_TARGET_BILLING");
  expect(await faults()).toEqual([target]);
  await real.pbx.cli("dialplan remove context sidetone-menu");
  expect(await faults()).toEqual([target, expect.stringMatching(/no context sidetone-menu: /)]);
});
