import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { prepareAsterisk, type RunningAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import { hasJsonControl } from "../../deploy/engines/asterisk-install.ts";
import { lockFile } from "../../deploy/engines/lock.ts";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { systemClock } from "../../src/base/clock.ts";
import { codeOf } from "../../src/base/errors.ts";

let running: RunningAsterisk | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function gone(pid: number): Promise<void> {
  const deadline = systemClock.now() + 5_000;
  while (isAlive(pid)) {
    if (systemClock.now() > deadline) throw new Error(`process ${pid} is still there`);
    await systemClock.sleep(10);
  }
}

describe("an Asterisk for the demo and the tests", () => {
  test("is up on loopback alone, with our contexts and users, and leaves nothing behind", async () => {
    running = await startAsterisk({ install: await prepareAsterisk(), phones: [{ name: "sales" }] });
    const { pid, dir, cli } = running;
    expect(await cli("dialplan show sidetone-in")).toContain("sidetone-lend");
    expect(await cli("pjsip show endpoints")).toMatch(/Endpoint: {2}sales/);
    expect(await cli("ari show users")).toContain("sidetone");
    expect(await cli("manager show user sidetone")).toMatch(/write perm: call,reporting/);
    const log = await readFile(running.logFile, "utf8");
    expect(log.split("\n").filter((line) => /WARNING|ERROR/.test(line))).toEqual([]);
    expect(await listening(pid)).toEqual([]);
    expect(await cli("pjsip show transports")).toContain(`127.0.0.1:${running.ports.sip}`);
    await running.stop();
    await running.stop();
    expect(isAlive(pid)).toBe(false);
    await expect(readdir(dir)).rejects.toThrow("ENOENT");
  }, 180_000);

  test("gives ARI and the manager each a password of its own, and nobody gets in without", async () => {
    running = await startAsterisk({ install: await prepareAsterisk() });
    const { ari, ami, ports } = running;
    expect(ari.password).not.toBe(ami.password);
    const answer = (password: string): Promise<number> =>
      fetch(`http://127.0.0.1:${ports.http}/ari/asterisk/ping`, {
        headers: { authorization: `Basic ${Buffer.from(`sidetone:${password}`).toString("base64")}` },
      }).then(({ status }) => status);
    expect([await answer(ari.password), await answer(""), await answer("@ARI_PASSWORD@")]).toEqual([200, 401, 401]);
  });

  test("is stopped also while it hangs", async () => {
    running = await startAsterisk({ install: await prepareAsterisk() });
    running.kill("SIGSTOP");
    await running.stop();
    expect(isAlive(running.pid)).toBe(false);
  });

  test("goes when the one who started it is killed", async () => {
    const script = `
      import { prepareAsterisk, startAsterisk } from ${JSON.stringify(resolve("deploy/engines/asterisk.ts"))};
      const { pid, dir } = await startAsterisk({ install: await prepareAsterisk() });
      process.stdout.write(JSON.stringify({ pid, dir }));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module-typescript", "-e", script]);
    const [said] = await once(parent.stdout, "data");
    const { pid, dir } = JSON.parse(String(said)) as { pid: number; dir: string };
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await gone(pid);
    await rm(dir, { recursive: true });
  }, 120_000);

  test("that cannot start says its last words", async () => {
    const install = await prepareAsterisk();
    const started = startAsterisk({ install: { ...install, dataDir: "/nowhere" } });
    await expect(started).rejects.toThrow(/Asterisk did not start\. It said:\n.+/);
  });
});

describe("preparing", () => {
  test.each([
    ["22.10.1+dfsg", true],
    ["22.8.0", true],
    ["22.7.9", false],
    ["20.18.0", true],
    ["20.17.0", false],
    ["21.12.0", false],
    ["23.2.0", true],
    ["23.1.0", false],
    ["24.0.0", true],
    ["GIT-master", false],
  ])("version %s takes JSON commands on its websocket: %s", (version, takes) => {
    expect(hasJsonControl(version)).toBe(takes);
  });

  test("two at once wait for each other, and a lock dies with who held it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sidetone-lock-"));
    const path = join(folder, "lock");
    const holder = `
      import { lockFile } from ${JSON.stringify(resolve("deploy/engines/lock.ts"))};
      await lockFile(${JSON.stringify(path)}, { waiting: "" });
      process.stdout.write("locked");
      setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ["--input-type=module-typescript", "-e", holder]);
    await once(other.stdout, "data");
    const waiting = Promise.withResolvers<string>();
    const locked = lockFile(path, { waiting: "somebody is at it", progress: waiting.resolve });
    expect(await waiting.promise).toBe("somebody is at it");
    other.kill("SIGKILL");
    const unlock = await locked;
    await unlock();
    await rm(folder, { recursive: true });
  });

  test("a wait for the lock ends when it is called off", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sidetone-lock-"));
    const path = join(folder, "lock");
    const unlock = await lockFile(path, { waiting: "" });
    const abort = new AbortController();
    const second = lockFile(path, { waiting: "", signal: abort.signal, progress: () => abort.abort() });
    await expect(second).rejects.toThrow("aborted");
    await unlock();
    await rm(folder, { recursive: true });
  });

  test("without apt it says in one sentence what to install", async () => {
    const path = process.env.PATH;
    const empty = await mkdtemp(join(tmpdir(), "sidetone-path-"));
    await chmod(empty, 0o755);
    process.env.PATH = empty;
    try {
      const prepared = preparePackages(["no-such-package"]);
      await expect(prepared).rejects.toThrow("Please install no-such-package");
      await prepared.catch((error: unknown) => expect(codeOf(error)).toBe("NOT_PREPARED"));
    } finally {
      process.env.PATH = path;
      await rm(empty, { recursive: true });
    }
  });
});

/**
 * The TCP addresses beyond loopback that this process has. UDP is left out: two sockets on ports nobody is told of are
 * there before the SIP port is, whatever the configuration says.
 */
async function listening(pid: number): Promise<string[]> {
  const tables = await Promise.all(["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8")));
  const sockets = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ""))?.[1];
    if (inode !== undefined) sockets.add(inode);
  }
  const rows = tables.flatMap((table) =>
    table
      .trim()
      .split("\n")
      .slice(1)
      .map((row) => row.trim().split(/\s+/)),
  );
  const own = rows.filter((row) => sockets.has(row[9] ?? "")).map((row) => row[1] ?? "");
  return own.filter((address) => !address.startsWith("0100007F") && !address.startsWith("00000000000000000000000001"));
}
