import { execFile } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { checkOverrides } from "../../src/cli/check/overrides.ts";
import { Folder } from "../config/support.ts";
import { freePort } from "../engines/free-port.ts";
import { gone } from "../supervisor/support.ts";
import { LAUNCHER, Running } from "../support/running.ts";

const AGENT = `greeting: Hello.
script:
  intents: [{name: hours, phrases: [when are you open], answer: Always.}]
  else: Pardon?
`;

const open: { folder?: Folder; services: Running[] } = { services: [] };
afterEach(async () => {
  for (const service of open.services.splice(0)) {
    service.signal("SIGTERM");
    await service.exited;
  }
  open.folder?.[Symbol.dispose]();
});

async function prepared() {
  const [port, nobody] = [await freePort(), await freePort()];
  const engine = `engines: {asterisk: {ari: {url: "ws://127.0.0.1:${nobody}", password: swordfish}, ami: {port: ${nobody}, password: swordfish}}}`;
  const text = `${engine}\nserver: {port: ${port}}\nstateDir: state\ncacheDir: cache\n`;
  const folder = new Folder({ "sidetone.yaml": text, "agents/reception.yaml": AGENT });
  open.folder = folder;
  return { folder, text, url: `http://127.0.0.1:${port}`, port };
}

function start(folder: Folder): Running {
  const service = new Running(folder.file);
  open.services.push(service);
  return service;
}

/** Another command beside it, and all that it says. */
const command = (...args: string[]): Promise<{ code: number; said: string }> =>
  new Promise((done) => {
    execFile(LAUNCHER, args, (error, out, err) => done({ code: error ? Number(error.code) : 0, said: out + err }));
  });

const health = async (url: string) => (await (await fetch(`${url}/healthz`)).json()) as { pid: number };

describe("sidetone run", { timeout: 120_000 }, () => {
  test("without an Asterisk it runs, is not ready, and says why; no secret is in its log", async () => {
    const { folder, url } = await prepared();
    const service = start(folder);
    await service.says("the worker is ready");
    const response = await fetch(`${url}/readyz`);
    expect(response.status).toBe(503);
    const { reasons } = (await response.json()) as { reasons: string[] };
    expect(reasons).toEqual([expect.stringMatching(/^asterisk: /)]);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('sidetone_engine_up{engine="asterisk"} 0');
    service.signal("SIGTERM");
    expect(await service.exited).toBe(0);
    expect(service.log).not.toContain("swordfish:");
    expect(service.log.replaceAll(/clear text.*/g, "")).not.toContain("swordfish");
  });

  test("is opened and closed by another command, says so wherever it is asked, and what is no state changes nothing", async () => {
    const { folder, url } = await prepared();
    const service = start(folder);
    await service.says("the worker is ready");
    const override = (...args: string[]) => command("override", ...args, "--config", folder.file);
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
    const state = join(folder.path, "state");
    const faults = await Promise.all([
      override("sideways"),
      override("closed", "--agent", "nobody"),
      override("closed", "--until", "yesterday"),
    ]);
    expect(faults.map(({ code }) => code)).toEqual([2, 2, 2]);
    expect(faults[1]?.said).toContain("there are reception");
    expect(checkOverrides({ stateDir: state })).toEqual([]);

    const sentence = /The agent reception is closed by hand until 20.+ \(by command, since /;
    expect(await override("closed", "--agent", "reception", "--until", "2h")).toMatchObject({
      ...{ code: 0, said: expect.stringMatching(sentence) },
    });
    await service.says("opened or closed by hand");
    expect(await metrics()).toMatch(/sidetone_open\{agent="reception"[^}]*\} 0/);
    expect(await metrics()).toMatch(/sidetone_overridden\{agent="reception"[^}]*\} 1/);
    const { reasons } = (await (await fetch(`${url}/readyz`)).json()) as { reasons: string[] };
    expect(reasons).toEqual(expect.arrayContaining([expect.stringMatching(sentence)]));
    const [found] = checkOverrides({ stateDir: state });
    expect(found).toMatchObject({ level: "warn", what: expect.stringMatching(sentence) });

    expect(await override("off", "--agent", "reception")).toEqual({
      ...{ code: 0, said: "Nothing is opened or closed by hand.\n" },
    });
    await service.says("nothing is opened or closed by hand any more");
    expect(await metrics()).toMatch(/sidetone_open\{agent="reception"[^}]*\} 1/);
  });

  test("whose log is on a full disk takes calls all the same, and counts it", async () => {
    const { folder, url } = await prepared();
    const full = openSync("/dev/full", "w");
    open.services.push(new Running(folder.file, { log: full }));
    closeSync(full);
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
    await expect
      .poll(() => metrics().catch(() => ""), { timeout: 40_000 })
      .toMatch(/sidetone_log_failures_total [1-9]/);
    const { pid } = await health(url);
    process.kill(pid, "SIGKILL");
    // The supervisor says of it what it cannot say, and goes on.
    await expect
      .poll(
        () =>
          health(url)
            .then((next) => next.pid)
            .catch(() => pid),
        { timeout: 15_000 },
      )
      .not.toBe(pid);
  });

  test("a second one on the same port names port and key, ends with 3, and leaves the first alone", async () => {
    const { folder, url, port } = await prepared();
    const first = start(folder);
    await first.says("the worker is ready");
    const { pid } = await health(url);
    const second = new Running(folder.file);
    expect(await second.exited).toBe(3);
    expect(second.log).toContain(`port ${port} on 127.0.0.1 is taken by another program`);
    expect(second.log).toContain("Set server.port in sidetone.yaml");
    expect((await health(url)).pid).toBe(pid);
  });

  test("a bad configuration at a reload is refused with its faults, a good one is taken", async () => {
    const { folder, text, url } = await prepared();
    const service = start(folder);
    await service.says("the worker is ready");
    const { pid } = await health(url);
    folder.write("sidetone.yaml", text.replace("server:", "servr:"));
    service.signal("SIGHUP");
    await service.says("is refused; the old one stays in force");
    expect(service.log).toContain("Did you mean");
    folder.write("sidetone.yaml", `${text}limits: {calls: 7}\n`);
    service.signal("SIGHUP");
    await service.says("the new configuration is in force for new calls");
    expect((await health(url)).pid).toBe(pid);
  });

  test("a killed worker is replaced, even where the configuration has become a bad one meanwhile", async () => {
    const { folder, text, url } = await prepared();
    const service = start(folder);
    await service.says("the worker is ready");
    const { pid } = await health(url);
    folder.write("sidetone.yaml", text.replace("server:", "servr:"));
    folder.write("agents/reception.yaml", "greeting: [\n");
    process.kill(pid, "SIGKILL");
    await service.says("the worker is ready", 2);
    expect(service.log).toContain("the last good one is used");
    const next = await health(url);
    expect(next.pid).not.toBe(pid);
    await gone(pid);
    service.signal("SIGTERM");
    expect(await service.exited).toBe(0);
    await gone(next.pid);
  });
});
