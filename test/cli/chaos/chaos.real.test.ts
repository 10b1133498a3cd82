import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Verdict } from "../../../src/cli/chaos/rows.ts";
import { startWholeService, type WholeService } from "../../support/whole-service.ts";

const LAUNCHER = resolve(import.meta.dirname, "../../../bin/sidetone");
const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("sidetone chaos beside a PBX that runs", () => {
  let whole: WholeService;
  beforeAll(async () => {
    if (!install) return;
    whole = await startWholeService(install, { settings: { workers: 2, supervisor: { restartMaxMs: 250 } } });
    await writeFile(join(whole.dir, "pw"), whole.asterisk.phones[0]?.password ?? "");
  });
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
  });

  function chaos(...args: string[]): Promise<{ status: number; out: string; err: string }> {
    const { dir, asterisk, prompts, service } = whole;
    const pbx = ["--to", "sip:4100@127.0.0.1", "--transport", "ws", "--ws-url", asterisk.phones[0]?.wsUrl ?? ""];
    const as = ["--user", "caller", "--password-file", join(dir, "pw")];
    const at = ["--config", service.configFile, "--menu-prompt", join(prompts, "menu.wav")];
    return new Promise((done) => {
      execFile(LAUNCHER, ["chaos", ...at, ...pbx, ...as, ...args], (error, out, err) =>
        done({ status: error ? Number(error.code) : 0, out, err }),
      );
    });
  }

  test("nothing is done while a caller is on the line", { timeout: 120_000 }, async () => {
    const workers = async () => (await whole.service.workers()).map(({ pid }) => pid);
    await expect.poll(workers, { timeout: 40_000 }).toHaveLength(2);
    const pids = await workers();
    const leg = await whole.phone.call("4100", { signal: AbortSignal.timeout(60_000) });
    await leg.heard.sound({ signal: AbortSignal.timeout(20_000) });
    const { status, err } = await chaos();
    expect(leg.signal.aborted).toBe(false);
    await leg.hangUp();
    expect({ status, err }).toEqual({ status: 1, err: expect.stringContaining("1 call is up") });
    expect(await workers()).toEqual(pids);
  });

  test("a worker killed and one stopped cost none of the callers the call", { timeout: 120_000 }, async () => {
    const { status, out, err } = await chaos("--only", "kill,stop", "--callers", "2", "--json");
    const { ok, rows } = JSON.parse(out || `{"rows": []}`) as Verdict;
    expect(
      rows.map(({ fault, up, lost }) => ({ fault, up, lost })),
      out + err,
    ).toEqual([
      { fault: "kill", up: 2, lost: 0 },
      { fault: "stop", up: 2, lost: 0 },
    ]);
    for (const { resumed, menu, wentOn, toSoundMs } of rows) {
      expect(resumed + menu).toBeGreaterThan(0);
      expect(resumed + menu + wentOn).toBe(2);
      expect(toSoundMs).toBeGreaterThan(0);
    }
    expect(status).toBe(ok ? 0 : 1);
  });
});
